import { within } from "@openclaw/runtime/waits";
import { WebSocket } from "ws";

/** A stopped edge accepts nothing; its share of new connections must go elsewhere. */
const HANDSHAKE_MS = 3_000;

/** What a v1 client got for one message. */
export interface V1Reply {
  /** Bare text frames, as they came. */
  readonly frames: readonly string[];
  /** The frames joined. */
  readonly text: string;
  readonly terminal: V1Signal;
  /** Milliseconds from sending to the first bare frame, and to the terminal. */
  readonly firstTextMs: number | undefined;
  readonly totalMs: number;
}

export interface V1Signal {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly retryable?: boolean;
}

/**
 * A client as the existing ones are: it runs JSON.parse on every frame and takes what parses for a
 * signal. So a text frame that parses would be missing from `text`, and a test would see it.
 */
export class V1Client {
  readonly #socket: WebSocket;
  #frames: string[] = [];
  #firstTextAt: number | undefined;
  readonly #signals: { signal: V1Signal; frames: string[]; firstTextAt: number | undefined }[] = [];
  #wake: () => void = () => undefined;
  closed: { code: number; reason: string } | undefined;
  /** Called with every frame. */
  onFrame: (frame: string) => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.#receive(String(data)));
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  /** Connects. @throws with the server's answer when the upgrade is refused */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<V1Client> {
    const socket = new WebSocket(url, { handshakeTimeout: HANDSHAKE_MS, headers });
    const client = new V1Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on("open", () => resolve());
      socket.on("error", reject);
      socket.on("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => reject(new Error(`${response.statusCode}: ${body}`)));
      });
    });
    return client;
  }

  /** Text that came since the last signal. */
  get textSoFar(): string {
    return this.#frames.join("");
  }

  send(frame: string | Buffer): void {
    this.#socket.send(frame);
  }

  say(message: string, provider?: string): void {
    this.send(JSON.stringify({ message, ...(provider !== undefined && { provider }) }));
  }

  /** Sends a message and resolves with its answer. */
  async ask(message: string, provider?: string, withinMs = 30_000): Promise<V1Reply> {
    this.say(message, provider);
    return this.reply(withinMs);
  }

  /** The next answer, or the next signal without one. */
  async reply(withinMs = 30_000): Promise<V1Reply> {
    const startedAt = performance.now();
    const deadline = startedAt + withinMs;
    while (this.#signals.length === 0) {
      if (this.closed) throw new Error(`closed with ${this.closed.code} ${this.closed.reason}`);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`no signal within ${withinMs} ms`);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(leftMs, woken);
    }
    const next = this.#signals.shift();
    if (!next) throw new Error("unreachable: a signal was there");
    const { signal, frames, firstTextAt } = next;
    return {
      frames,
      text: frames.join(""),
      terminal: signal,
      firstTextMs: firstTextAt === undefined ? undefined : firstTextAt - startedAt,
      totalMs: performance.now() - startedAt,
    };
  }

  /** Signals that came and were not asked for. */
  get unclaimedSignals(): number {
    return this.#signals.length;
  }

  /** Stops reading from the network, as a busy or sleeping client does. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.close();
  }

  /** Goes away without a word, as a lost network does. */
  terminate(): void {
    this.#socket.terminate();
  }

  #receive(frame: string): void {
    this.onFrame(frame);
    const signal = parse(frame);
    if (signal === undefined) {
      this.#firstTextAt ??= performance.now();
      this.#frames.push(frame);
      return;
    }
    this.#signals.push({
      signal: signal as V1Signal,
      frames: this.#frames,
      firstTextAt: this.#firstTextAt,
    });
    this.#frames = [];
    this.#firstTextAt = undefined;
    this.#wake();
  }
}

function parse(frame: string): unknown {
  try {
    return JSON.parse(frame);
  } catch {
    // Text, as far as an old client is concerned.
    return undefined;
  }
}
