/** An OpenAI-compatible provider that sends what the test says, when the test says so. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { within } from "@openclaw/runtime/waits";

export class ScriptedProvider {
  readonly #server: Server;
  readonly #arrived: ScriptedStream[] = [];
  #wake: () => void = () => undefined;
  requests = 0;
  /** Requests that get an HTTP error instead of a stream. */
  refuses: (body: unknown) => boolean = () => false;
  refusalStatus = 400;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const body = await json(request);
      this.requests += 1;
      if (this.refuses(body)) {
        response.writeHead(this.refusalStatus).end('{"error":{"message":"no"}}');
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      this.#arrived.push(new ScriptedStream(response, body));
      this.#wake();
    });
  }

  static async start(): Promise<ScriptedProvider> {
    const provider = new ScriptedProvider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get url(): string {
    // Listening on TCP, so the address is no path.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async nextRequest(): Promise<ScriptedStream> {
    for (;;) {
      const stream = this.#arrived.shift();
      if (stream) return stream;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export class ScriptedStream {
  readonly #response: ServerResponse;
  /** Resolves when the caller has closed the connection. */
  readonly closed: Promise<unknown>;
  /** The body of the request. */
  readonly body: unknown;

  constructor(response: ServerResponse, body: unknown) {
    this.#response = response;
    this.body = body;
    this.closed = once(response, "close");
  }

  say(text: string): void {
    this.#data({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] });
  }

  /** Sends a piece of a tool call. */
  call(piece: object): void {
    this.#data({
      choices: [{ index: 0, delta: { tool_calls: [piece] }, finish_reason: null }],
    });
  }

  raw(text: string): void {
    this.#response.write(text);
  }

  /** Breaks the connection off. */
  cut(): void {
    this.#response.destroy();
  }

  finish(): void {
    this.#data({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    this.#response.end("data: [DONE]\n\n");
  }

  /** Writes as fast as the caller reads. Returns how many megabytes went out in that time. */
  async flood({ megabytes, forMs }: { megabytes: number; forMs: number }): Promise<number> {
    const deadline = performance.now() + forMs;
    const piece = "x".repeat(64 * 1024);
    let written = 0;
    while (written < megabytes && performance.now() < deadline) {
      this.say(piece);
      written += 1 / 16;
      if (this.#response.writableNeedDrain) {
        const leftMs = Math.max(1, deadline - performance.now());
        await within(leftMs, once(this.#response, "drain"));
      }
    }
    return written;
  }

  #data(chunk: object): void {
    this.#response.write(`data: ${JSON.stringify({ id: "1", model: "m", ...chunk })}\n\n`);
  }
}
