/** A provider of very long answers in large pieces, so that megabytes cost little to make. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a worker writes as one entry of a log. */
export const PIECE_LENGTH = 16_384;
const FILLER = "All work and no play makes a dull stream. ".repeat(PIECE_LENGTH / 32);

/** What to ask of the fire hose; `id` is in every piece, so that no two answers are alike. */
export interface LongAnswer {
  readonly id: string;
  readonly pieces: number;
  readonly gapMs: number;
  /** How long nothing comes between the last piece and the end. */
  readonly restMs?: number;
  /** What the pieces are made of, again and again; a sentence unless told. */
  readonly filler?: string;
}

/** The piece of an answer with this number, from 0. */
export function pieceOf({ id, filler }: LongAnswer, index: number): string {
  const rest = filler?.repeat(Math.ceil(PIECE_LENGTH / filler.length)) ?? FILLER;
  return `[${id} ${index}] ${rest}`.slice(0, PIECE_LENGTH);
}

export class FireHose {
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const body: Buffer[] = [];
      // Bytes, as no encoding was set.
      for await (const chunk of request) body.push(chunk as Buffer);
      const { messages } = JSON.parse(Buffer.concat(body).toString());
      speak(response, JSON.parse(messages.at(-1).content) as LongAnswer);
    });
  }

  static async start(): Promise<FireHose> {
    const hose = new FireHose();
    hose.#server.listen(0, "127.0.0.1");
    await once(hose.#server, "listening");
    return hose;
  }

  get url(): string {
    // Listening on TCP, so the address is no path.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** Each piece has its time counted from the start, so that a late timer does not slow the answer. */
function speak(response: ServerResponse, answer: LongAnswer): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const startedAt = performance.now();
  let next = 0;
  let ending: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - startedAt) / answer.gapMs);
    for (; next < Math.min(due, answer.pieces); next += 1) {
      response.write(event({ delta: { content: pieceOf(answer, next) } }));
    }
    if (next < answer.pieces) return;
    clearInterval(timer);
    ending = setTimeout(() => {
      response.end(`${event({ delta: {}, finish_reason: "stop" })}data: [DONE]\n\n`);
    }, answer.restMs ?? 0);
  }, answer.gapMs);
  response.on("close", () => {
    clearInterval(timer);
    clearTimeout(ending);
  });
}

function event(choice: object): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
}
