import { WebSocket } from "ws";
import { pathOf } from "./options.ts";

const CONNECT_DEADLINE_MS = 10_000;
const ANSWER_DEADLINE_MS = 120_000;

export interface Answer {
  readonly text: string;
  readonly firstTextMs: number;
  readonly doneMs: number;
}

/** One v1 conversation over one socket. Every wait ends: in an answer or in an error that says why. */
export class Conversation {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(url: URL): Promise<Conversation> {
    const socket = new WebSocket(pathOf(url, "/ws/stream"), {
      handshakeTimeout: CONNECT_DEADLINE_MS,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", (error) => reject(new Error(`cannot connect: ${reasonOf(error)}`)));
    });
    return new Conversation(socket);
  }

  /** Asks, and hands each piece of text on as it arrives. */
  async ask(
    message: string,
    { provider, onText }: { provider?: string; onText: (text: string) => void },
  ): Promise<Answer> {
    const askedAt = performance.now();
    let firstTextMs: number | undefined;
    let text = "";
    const settled = this.#untilSignal((piece) => {
      firstTextMs ??= performance.now() - askedAt;
      text += piece;
      onText(piece);
    });
    this.#socket.send(JSON.stringify({ message, ...(provider !== undefined && { provider }) }));
    await settled;
    if (firstTextMs === undefined) throw new Error("the answer has no text");
    return { text, firstTextMs, doneMs: performance.now() - askedAt };
  }

  close(): void {
    this.#socket.close();
  }

  /** Resolves with `done`; rejects with an error frame, a closed socket, or the deadline. */
  async #untilSignal(onText: (piece: string) => void): Promise<void> {
    const over = new AbortController();
    const deadline = setTimeout(() => over.abort(), ANSWER_DEADLINE_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#socket.on("message", (data) => {
          const frame = String(data);
          const signal = parseSignal(frame);
          if (!signal) onText(frame);
          else if (signal.type === "done") resolve();
          else reject(new Error(`${signal.code ?? signal.type}: ${signal.message ?? ""}`));
        });
        this.#socket.once("close", (code) => reject(new Error(`connection closed (${code})`)));
        over.signal.addEventListener("abort", () =>
          reject(new Error(`no end within ${ANSWER_DEADLINE_MS / 1_000} s`)),
        );
      });
    } finally {
      clearTimeout(deadline);
      this.#socket.removeAllListeners("message").removeAllListeners("close");
    }
  }
}

interface Signal {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
}

/** A JSON object with a type is a signal; everything else is text, even an answer that is a number. */
function parseSignal(frame: string): Signal | undefined {
  try {
    const parsed: unknown = JSON.parse(frame);
    return typeof parsed === "object" && parsed !== null && "type" in parsed
      ? (parsed as Signal)
      : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf({ message }: Error): string {
  const wantsKey = message.endsWith("401");
  return wantsKey ? "the gateway wants a key: --url ws://HOST?api_key=KEY" : message;
}
