/**
 * The worker's provider client against the simulator over HTTP: what one says on the wire, and what
 * the other makes of it. Everything that is started here ends with the test.
 */
import { type ProviderKind, parseGatewayConfig } from "@openclaw/config";
import type { ConversationMessage, RunParameters } from "@openclaw/protocol";
import { createLogger } from "@openclaw/runtime";
import {
  createSimulator,
  type Directive,
  directive,
  type FaultOptions,
  INSTANT,
  type ProfileName,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { onTestFinished } from "vitest";
import { ProviderError } from "../../services/worker/src/provider/contract/provider-error.ts";
import type { ProviderEvent } from "../../services/worker/src/provider/contract/provider-event.ts";
import {
  createProviderClient,
  type ProviderClient,
} from "../../services/worker/src/provider/provider-client.ts";
import { Deadlines } from "../../services/worker/src/run/deadlines.ts";

export const KINDS: Readonly<Record<Exclude<ProfileName, "nvidia2">, ProviderKind>> = {
  nvidia1: "nvidia",
  zhipu: "zhipu",
  hunyuan: "tencent",
  openai: "openai",
};
export type Provider = keyof typeof KINDS;
export const PROVIDERS = Object.keys(KINDS) as Provider[];

const log = createLogger({ service: "test", level: "silent" });

export async function startSimulator(faults: FaultOptions = {}): Promise<Simulator> {
  const simulator = createSimulator({ port: 0, profiles: profilesAt(INSTANT), faults });
  await simulator.start();
  onTestFinished(() => simulator.stop());
  return simulator;
}

/** A client of one provider; `rest` is more of its configuration. */
export async function clientOf(
  simulator: Simulator,
  provider: Provider,
  rest: Readonly<Record<string, unknown>> = {},
): Promise<ProviderClient> {
  const config = {
    kind: KINDS[provider],
    baseUrl: `${simulator.url}/${provider}/v1`,
    apiKey: "key-1",
    model: "m",
    pool: { warm: 0, connections: 8 },
    ...rest,
  };
  const parsed = parseGatewayConfig(
    { providers: { [provider]: config } },
    { source: "a test", env: {} },
  );
  const configured = parsed.providers[provider];
  if (configured === undefined) throw new Error("the provider was just configured");
  const client = createProviderClient({ name: provider, config: configured, log });
  onTestFinished(() => client.stop());
  await client.start();
  return client;
}

export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  /** All but the headers. */
  readonly events: readonly ProviderEvent[];
  /** The last event of an answer that was finished. */
  readonly finished: Extract<ProviderEvent, { type: "finished" }> | undefined;
  readonly error: ProviderError | undefined;
}

export interface Asked extends Readonly<RunParameters> {
  /** Said before the directive. */
  readonly history?: readonly ConversationMessage[];
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ProviderEvent) => void;
}

/** Asks once, and takes down what came until it was over, one way or the other. */
export async function ask(
  client: ProviderClient,
  fields: Directive,
  { history = [], signal = new AbortController().signal, onEvent, ...parameters }: Asked = {},
): Promise<Answer> {
  const messages = [...history, { role: "user", content: directive(fields) } as const];
  const events: ProviderEvent[] = [];
  let error: ProviderError | undefined;
  try {
    for await (const event of client.stream({ messages, ...parameters }, { signal })) {
      onEvent?.(event);
      if (event.type !== "headers") events.push(event);
    }
  } catch (thrown) {
    if (!(thrown instanceof ProviderError)) throw thrown;
    error = thrown;
  }
  const joined = (type: "text" | "reasoning") =>
    events.map((event) => (event.type === type ? event.text : "")).join("");
  const last = events.at(-1);
  const finished = last?.type === "finished" ? last : undefined;
  return { text: joined("text"), reasoning: joined("reasoning"), events, finished, error };
}

/** As a run asks: within the provider's own limits, where only text and reasoning are progress. */
export async function askWithin(client: ProviderClient, fields: Directive): Promise<Answer> {
  const stopping = new AbortController();
  const deadlines = new Deadlines(client.name, client.config.timeouts, (error) =>
    stopping.abort(error),
  );
  const onEvent = ({ type }: ProviderEvent) => {
    if (type === "text" || type === "reasoning") deadlines.progress();
  };
  try {
    return await ask(client, fields, { signal: stopping.signal, onEvent });
  } finally {
    deadlines.clear();
  }
}

/** One question to a provider of its own. */
export async function answerOf(provider: Provider, fields: Directive): Promise<Answer> {
  return ask(await clientOf(await startSimulator(), provider), fields);
}

/** Polls until it holds; the test's own timeout bounds it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
