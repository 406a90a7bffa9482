/** Providers for tests: real servers on a free port. */
import { once } from "node:events";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type ProviderConfig, parseGatewayConfig } from "@openclaw/config";
import { eventually } from "@openclaw/testing";

export interface FakeProvider {
  readonly url: string;
  /** Every socket ever accepted, oldest first. */
  readonly accepted: readonly Socket[];
  readonly open: ReadonlySet<Socket>;
  /** Closes the listener and every socket. */
  close(): Promise<void>;
}

/** A provider that answers HTTP. `answer` is called once the request's body is complete. */
export async function startProvider(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<FakeProvider> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => answer(request, response, Buffer.concat(pieces).toString()));
  });
  return listen(server);
}

/** A provider that sends anything on each socket. */
export async function startRawProvider(onSocket: (socket: Socket) => void): Promise<FakeProvider> {
  return listen(createServer(onSocket));
}

/** Sends the frames. The response stays open. */
export function beginStream(response: ServerResponse, ...frames: readonly string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream;charset=UTF-8" });
  response.flushHeaders();
  for (const frame of frames) response.write(frame);
}

export function frame(delta: object, finishReason?: string): string {
  const choice = { index: 0, delta, ...(finishReason && { finish_reason: finishReason }) };
  return `data: ${JSON.stringify({ model: "m", choices: [choice] })}\n\n`;
}

export const WHOLE_ANSWER = [frame({ content: "Hi" }), frame({}, "stop"), "data: [DONE]\n\n"];

export function answerAll(_request: IncomingMessage, response: ServerResponse): void {
  beginStream(response);
  response.end(WHOLE_ANSWER.join(""));
}

export function configFor(url: string, rest: object = {}): ProviderConfig {
  const provider = { kind: "openai", baseUrl: `${url}/v1/`, model: "m", apiKey: "key-1", ...rest };
  const { providers } = parseGatewayConfig({ providers: { fake: provider } }, FROM_TEST);
  const config = providers.fake;
  if (config === undefined) throw new Error("the provider was just configured");
  return config;
}

const FROM_TEST = { source: "a test", env: {} };

export async function until(condition: () => boolean): Promise<void> {
  await eventually("the condition", condition, { everyMs: 2 });
}

/** Resolves when undici has put the socket of a response that just ended back into its pool. */
export async function socketIsFree(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((next) => setImmediate(next));
}

async function listen(server: HttpServer | Server): Promise<FakeProvider> {
  const accepted: Socket[] = [];
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    accepted.push(socket);
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // A client that aborts resets its socket; the tests look at `open` instead.
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted,
    open,
    async close() {
      for (const socket of open) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}
