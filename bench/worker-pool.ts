/** The worker's own provider client in the place of a bare pool, for what it does otherwise: aborts. */
import { parseGatewayConfig } from "@openclaw/config";
import { type Directive, directive } from "@openclaw/simulator";
import {
  createProviderClient,
  type ProviderClient,
} from "../services/worker/src/provider/provider-client.ts";
import type { FarSimulator } from "./far-simulator.ts";
import type { Asked, Run, StreamingPool } from "./streaming-pool.ts";

/** @param size how many runs at once it is to carry */
export async function openWorkerPool(
  { tlsUrl, certificate }: FarSimulator,
  size: number,
): Promise<StreamingPool> {
  const provider = { kind: "zhipu", baseUrl: `${tlsUrl}/zhipu/v1`, model: "m" };
  const { providers } = parseGatewayConfig(
    { providers: { far: { ...provider, pool: { connections: size } } } },
    { source: "the bench", env: {} },
  );
  if (providers.far === undefined) throw new Error("it was just configured");
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const tls = { ca: certificate };
  const client = createProviderClient({ name: "far", config: providers.far, log, tls });
  await client.start();
  const ask = (asked: Directive) => begin(client, asked);
  const warming = Array.from({ length: size }, () => ask({ words: 1, firstTokenMs: 50 }));
  await Promise.all(warming.map(({ over }) => over));
  return { ask, close: () => client.stop() };
}

function begin(client: ProviderClient, asked: Directive): Run {
  const aborting = new AbortController();
  const { promise: begun, resolve: onBegun } = withResolver();
  const over = read(client, asked, { signal: aborting.signal, onBegun });
  over.catch(() => undefined); // who awaits it hears of it, if later
  return { begun, over, abort: () => aborting.abort() };
}

async function read(
  client: ProviderClient,
  asked: Directive,
  { signal, onBegun }: { signal: AbortSignal; onBegun: () => void },
): Promise<Asked> {
  const startedAt = performance.now();
  const at: number[] = [];
  let whole = false;
  const request = { messages: [{ role: "user", content: directive(asked) }] } as const;
  for await (const { type } of client.stream(request, { signal })) {
    if (type === "headers") onBegun();
    if (type === "text") at.push(performance.now());
    whole = type === "finished";
  }
  const gapsMs = at.slice(1).map((time, index) => time - (at[index] ?? Number.NaN));
  return { firstMs: (at[0] ?? Number.NaN) - startedAt, gapsMs, whole };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
