/** Asks a provider of a test. Everything created here is released when the test is over. */
import { createLogger } from "@openclaw/runtime";
import { onTestFinished } from "vitest";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { configFor, type FakeProvider, startProvider, startRawProvider } from "./fake-provider.ts";

const log = createLogger({ service: "test", level: "silent" });
export const messages = [{ role: "user", content: "secret prompt" }] as const;

export async function provider(...args: Parameters<typeof startProvider>): Promise<FakeProvider> {
  return released(await startProvider(...args));
}

export async function rawProvider(
  ...args: Parameters<typeof startRawProvider>
): Promise<FakeProvider> {
  return released(await startRawProvider(...args));
}

function released(fake: FakeProvider): FakeProvider {
  onTestFinished(() => fake.close());
  return fake;
}

export async function client(url: string, rest: object = {}): Promise<ProviderClient> {
  const pool = { warm: 0, connections: 8 };
  const created = createProviderClient({
    name: "fake",
    config: configFor(url, { pool, ...rest }),
    log,
  });
  onTestFinished(() => created.stop());
  await created.start();
  return created;
}

export async function collect(
  from: ProviderClient,
  signal: AbortSignal = new AbortController().signal,
  events: ProviderEvent[] = [],
): Promise<ProviderEvent[]> {
  for await (const event of from.stream({ messages }, { signal })) events.push(event);
  return events;
}

export async function errorOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await promise.then(
    () => new Error("did not fail"),
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw error;
}

/** Whether the connection of the run was warm. */
export const label = ([first]: readonly ProviderEvent[]) =>
  first?.type === "headers" ? first.connection : undefined;

/** Everything in an error that a logger could print. */
export function leaked(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack} ${JSON.stringify(error)} ${leaked(error.cause ?? "")}`;
}
