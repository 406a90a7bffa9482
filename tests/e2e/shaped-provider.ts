/** A provider that answers each question in a shape of its own, named by the first part of the path. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Speaker {
  /** Says lines, `gapMs` apart, and leaves the response open. */
  say(lines: readonly string[], gapMs?: number): Promise<void>;
  /** As `say`, and ends the response. */
  tell(lines: readonly string[], gapMs?: number): Promise<void>;
  readonly response: ServerResponse;
}

export type Shape = (speaker: Speaker) => Promise<void> | void;

export interface ShapedProvider {
  /** The base URL of a shape. */
  readonly url: (shape: string) => string;
  /** How often a shape was asked. */
  readonly asked: (shape: string) => number;
  stop(): Promise<void>;
}

export async function startShapedProvider(
  shapes: Readonly<Record<string, Shape>>,
): Promise<ShapedProvider> {
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const shape = request.url?.split("/")[1] ?? "";
    request.resume().on("end", async () => {
      asked.set(shape, (asked.get(shape) ?? 0) + 1);
      await shapes[shape]?.(speakerOf(response));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on an address has a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: (shape) => `http://127.0.0.1:${port}/${shape}/v1`,
    asked: (shape) => asked.get(shape) ?? 0,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function speakerOf(response: ServerResponse): Speaker {
  const say = async (lines: readonly string[], gapMs = 5) => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    for (const line of lines) {
      if (response.destroyed) return;
      response.write(line);
      await new Promise((resolve) => setTimeout(resolve, gapMs));
    }
  };
  return {
    response,
    say,
    async tell(lines, gapMs) {
      await say(lines, gapMs);
      response.end();
    },
  };
}

export const event = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`;

export const chunk = (delta: object, finish: string | null = null, rest: object = {}) =>
  event({
    id: "x1",
    object: "chat.completion.chunk",
    created: 1,
    model: "fake",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...rest,
  });

export const whole = (message: object, finish = "stop", rest: object = {}) => ({
  id: "x1",
  object: "chat.completion",
  created: 1,
  model: "fake",
  choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }],
  ...rest,
});

export const DONE = "data: [DONE]\n\n";
