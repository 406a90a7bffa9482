/** Users who know every byte they should get. */
import { answerFor, directive } from "@openclaw/simulator";
import { V1Client, V2Client, type V2Run } from "@openclaw/testing";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";

export interface Crowd {
  readonly url: (session?: string) => string;
  readonly history: History;
  readonly providers: readonly [string, ...string[]];
  /** Aborts when no new run is to begin. */
  readonly closing: AbortSignal;
}

/** Whatever happens, a run must have ended by then. */
const TERMINAL_WITHIN_MS = 60_000;
const CONNECT_WITHIN_MS = 20_000;

interface Question {
  readonly prompt: string;
  readonly text: string;
  readonly provider: string;
}

const BREAKS = [
  "cutAfter",
  "resetAfter",
  "endAfter",
  "truncateAfter",
  "errorAfter",
  "garbageAfter",
  "badJsonAfter",
  "hugeAfter",
] as const;

/** The text is the same at every provider, so that no failure excuses a difference. */
function question(random: Random, { providers }: Crowd): Question {
  const provider = random.pick(providers);
  const fault = random.pick([
    {},
    {},
    {},
    { [random.pick(BREAKS)]: random.between(0, 40), faultOn: [provider] },
    { stallAfter: random.between(0, 40), faultOn: [provider] },
    { status: random.pick([401, 429, 500, 503]), faultOn: [provider] },
    { [random.pick(["refuse", "stale", "hang"] as const)]: true, faultOn: [provider] },
  ]);
  const prompt = directive({
    words: random.between(10, 80),
    seed: random.between(0, 1e9),
    language: random.pick<"en" | "zh">(["en", "zh"]),
    gapMs: random.between(5, 60),
    ...fault,
  });
  return { prompt, provider, text: answerFor({ prompt, profile: provider }) };
}

/** Asks one question after the other; a lost connection ends an answer and is made again. */
export async function v1User(random: Random, crowd: Crowd): Promise<void> {
  const { history, closing, url } = crowd;
  while (!closing.aborted) {
    const client = await reconnect(() => V1Client.connect(url()), crowd);
    if (!client) return;
    const stays = random.between(1, 8);
    for (let asked = 0; asked < stays && !closing.aborted && !client.closed; asked += 1) {
      await askV1(client, question(random, crowd), history);
      if (client.unclaimedSignals > 0) history.violate("two terminals", "v1");
    }
    if (random.chance(0.2)) client.terminate();
    else client.close();
  }
}

async function askV1(client: V1Client, asked: Question, history: History): Promise<void> {
  const watched = history.open();
  client.onFrame = () => watched.heard();
  try {
    const { text, terminal } = await client.ask(asked.prompt, asked.provider, TERMINAL_WITHIN_MS);
    judge({ protocol: "v1", asked, text, terminal }, history);
  } catch {
    if (client.closed) history.count("v1 connection lost");
    else history.violate("no terminal in time", `v1 ${asked.prompt}`);
  } finally {
    watched.closed();
  }
}

/** Keeps several runs open, loses its connection at will, and comes back for all of them. */
export async function v2User(random: Random, crowd: Crowd): Promise<void> {
  const { history, closing, url } = crowd;
  const session = `chaos-${random.between(0, 1e9)}`;
  const connect = () => reconnect(() => V2Client.connect(url(session)), crowd);
  let client = await connect();
  const open = new Map<
    V2Run,
    { asked: Question; since: number; watched: ReturnType<History["open"]> }
  >();
  let seenFaults = 0;
  while (client && !(closing.aborted && open.size === 0)) {
    if (open.size < 2 && !closing.aborted && !client.closed) {
      const asked = question(random, crowd);
      const run = await client.run(asked.prompt, asked.provider).catch(() => undefined);
      // Refused, or the connection broke before the run had a name: nothing was promised.
      if (run) open.set(run, { asked, since: performance.now(), watched: history.open() });
      else history.count("v2 not accepted");
    }
    if (client.closed || random.chance(0.01)) {
      client.terminate();
      const again = await connect();
      if (!again) return;
      client = again;
      seenFaults = 0;
      for (const run of open.keys()) {
        // One that has its end needs no more.
        if (run.terminals.length === 0) await resume(client, run);
      }
    }
    for (const [run, { asked, since, watched }] of open) {
      if (run.heardAt > since) watched.heard();
      if (run.terminals.length > 0) {
        open.delete(run);
        watched.closed();
        if (run.terminals.length > 1) history.violate("two terminals", `v2 ${run.id}`);
        const [terminal] = run.terminals;
        if (terminal) judge({ protocol: "v2", asked, text: run.text, terminal }, history);
      } else if (performance.now() - since > TERMINAL_WITHIN_MS) {
        open.delete(run);
        watched.closed();
        history.violate("no terminal in time", `v2 ${run.id} ${asked.prompt}`);
      }
    }
    for (const fault of client.faults.slice(seenFaults))
      history.violate("frames out of order", fault);
    seenFaults = client.faults.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client?.close();
}

async function resume(client: V2Client, run: V2Run): Promise<void> {
  // The connection may break again: the next round comes back once more.
  const resumed = await client.resume(run).catch(() => undefined);
  if (resumed?.outcome === "not_resumable") {
    run.terminals.push({
      type: "error",
      run: run.id,
      code: "unknown_run",
      message: resumed.reason ?? "",
      retryable: true,
    });
  }
}

interface Observed {
  readonly protocol: "v1" | "v2";
  readonly asked: Question;
  readonly text: string;
  readonly terminal: {
    readonly type: string;
    readonly code?: string;
    readonly retryable?: boolean;
  };
}

function judge({ protocol, asked, text, terminal }: Observed, history: History): void {
  const { type, code = type } = terminal;
  history.count(`${protocol} ${code}`);
  const whole = type === "done" ? text === asked.text : asked.text.startsWith(text);
  if (!whole) history.violate("wrong text", `${protocol} ${code} ${asked.prompt}`);
  if (code === "interrupted") {
    history.violate("answer given up although the next attempt says the same", asked.prompt);
  }
  if (type === "error" && terminal.retryable === false && code !== "provider_auth") {
    history.violate("failure not retryable", `${protocol} ${code}`);
  }
}

async function reconnect<T>(connect: () => Promise<T>, { closing }: Crowd): Promise<T | undefined> {
  const deadline = performance.now() + CONNECT_WITHIN_MS;
  while (performance.now() < deadline) {
    try {
      return await connect();
    } catch {
      if (closing.aborted) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`no edge took a connection within ${CONNECT_WITHIN_MS} ms`);
}
