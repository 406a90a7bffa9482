/**
 * Asks a provider of its own a few times, before anyone waits for an answer.
 *
 * A warm socket is of little use to code that never ran: the first request of a process compiles the
 * HTTP parser and loads what is loaded on demand, some ten milliseconds in all. So the whole path runs
 * once over loopback, from the request to the last event of the answer. No provider hears of it.
 */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseGatewayConfig } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import { createProviderClient, type ProviderClient } from "./provider-client.ts";

const ROUNDS = 25;
/** All of them together. A machine that cannot do it in this time has other troubles. */
const MAX_MS = 1_000;

const ANSWER = [
  { choices: [{ index: 0, delta: { role: "assistant", content: "re" }, finish_reason: null }] },
  { choices: [{ index: 0, delta: { content: "hearsed" }, finish_reason: "stop" }] },
];

/** Never fails, and takes a second at most: what it would have saved is paid by the first run. */
export async function rehearse(log: Pick<Logger, "info" | "warn" | "error">): Promise<void> {
  const server = createServer((request, response) => request.resume().on("end", answer(response)));
  let client: ProviderClient | undefined;
  try {
    server.listen(0, "127.0.0.1");
    const signal = AbortSignal.timeout(MAX_MS);
    await once(server, "listening", { signal });
    // Listening on TCP, so the address is no path.
    client = clientOf((server.address() as AddressInfo).port, log);
    await client.start();
    for (let round = 0; round < ROUNDS; round += 1) await ask(client, signal);
  } catch (err) {
    log.warn({ err }, "rehearsal failed");
  } finally {
    await client?.stop();
    server.closeAllConnections();
    server.close();
  }
}

function answer(response: ServerResponse): () => void {
  return () => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const chunk of ANSWER) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end("data: [DONE]\n\n");
  };
}

function clientOf(port: number, log: Pick<Logger, "info" | "warn" | "error">): ProviderClient {
  const provider = { kind: "openai", baseUrl: `http://127.0.0.1:${port}/v1`, model: "none" };
  const { providers } = parseGatewayConfig(
    { providers: { rehearsal: { ...provider, pool: { warm: 1 } } } },
    { source: "the rehearsal", env: {} },
  );
  const config = providers.rehearsal;
  if (config === undefined) throw new Error("the provider was just configured");
  return createProviderClient({ name: "rehearsal", config, log });
}

async function ask(client: ProviderClient, signal: AbortSignal): Promise<void> {
  const request = { messages: [{ role: "user", content: "none" }] } as const;
  for await (const { type } of client.stream(request, { signal })) {
    if (type === "finished") return;
  }
}
