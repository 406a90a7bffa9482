/** The checks, in the order a new operator would make them by hand. */
import { type Answer, Conversation } from "./conversation.ts";
import { httpUrl, type Options } from "./options.ts";

/** A first answer this much slower than the later ones did not find its connection warm. */
const WARM_TOLERANCE_MS = 500;
const WARM_RUNS = 5;
const HTTP_DEADLINE_MS = 10_000;

/** What `/stats` says, as far as it matters here. */
interface Stats {
  readonly simulated: boolean;
  readonly targets: {
    readonly domestic: { readonly firstTextMs: number; readonly fullMs: number };
  };
  readonly providers: Readonly<Record<string, { readonly region: string }>>;
}

export interface Check {
  readonly name: string;
  /** Resolves with a remark; rejects with what is wrong. */
  run(): Promise<string>;
}

export function createChecks({ url, message }: Options, write: (text: string) => void): Check[] {
  const ask = async (conversation: Conversation, provider?: string) => {
    write("  ");
    const answer = await conversation.ask(message, {
      onText: write,
      ...(provider !== undefined && { provider }),
    });
    write(`\n  ${describe(answer)}\n`);
    return answer;
  };
  const talk = async <T>(use: (conversation: Conversation) => Promise<T>) => {
    const conversation = await Conversation.open(url);
    try {
      return await use(conversation);
    } finally {
      conversation.close();
    }
  };
  return [
    {
      name: "health",
      async run() {
        const response = await get(httpUrl(url, "/health"));
        const { reasons = [] } = (await response.json()) as { reasons?: string[] };
        if (!response.ok) throw new Error(`HTTP ${response.status}: ${reasons.join(", ")}`);
        return `HTTP ${response.status}`;
      },
    },
    {
      name: "connect",
      async run() {
        const startedAt = performance.now();
        await talk(async () => undefined);
        return `${Math.round(performance.now() - startedAt)} ms`;
      },
    },
    { name: "short run", run: () => talk(async (c) => describe(await ask(c))) },
    {
      name: "domestic provider",
      run: () => talk((c) => againstTarget(url, (provider) => ask(c, provider))),
    },
    { name: "warm connection", run: () => talk((c) => firstAgainstRest(() => ask(c))) },
  ];
}

async function againstTarget(
  url: URL,
  ask: (provider: string) => Promise<Answer>,
): Promise<string> {
  const stats = (await (await get(httpUrl(url, "/stats"))).json()) as Stats;
  const [provider] = Object.entries(stats.providers).find(([, p]) => p.region === "domestic") ?? [];
  if (provider === undefined) return "left out: no domestic provider is configured";
  const { firstTextMs, fullMs } = stats.targets.domestic;
  const answer = await ask(provider);
  const simulated = stats.simulated ? ", simulated" : "";
  const verdict = `${provider}${simulated}: ${describe(answer)}; target ${firstTextMs} ms / ${fullMs} ms`;
  if (answer.firstTextMs > firstTextMs || answer.doneMs > fullMs) throw new Error(verdict);
  return verdict;
}

async function firstAgainstRest(ask: () => Promise<Answer>): Promise<string> {
  const times: number[] = [];
  for (let run = 0; run < WARM_RUNS; run += 1) times.push((await ask()).firstTextMs);
  const [first = 0, ...rest] = times;
  const median = rest.toSorted((a, b) => a - b)[Math.floor(rest.length / 2)] ?? 0;
  const verdict = `first text of run 1: ${Math.round(first)} ms, median of the rest: ${Math.round(median)} ms`;
  if (first > median + Math.max(median, WARM_TOLERANCE_MS)) throw new Error(verdict);
  return verdict;
}

function describe({ text, firstTextMs, doneMs }: Answer): string {
  const seconds = (doneMs / 1_000).toFixed(1);
  return `first text ${Math.round(firstTextMs)} ms, done ${seconds} s, ${[...text].length} characters`;
}

async function get(url: URL): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(HTTP_DEADLINE_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url.origin}${url.pathname} does not answer: ${(cause as Error).message}`);
  }
}
