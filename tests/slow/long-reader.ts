/** A client of very long answers: checks every byte as it comes, and keeps none. */
import { once } from "node:events";
import { V2_SUBPROTOCOL, type V2Down } from "@openclaw/protocol";
import { WebSocket } from "ws";
import { type LongAnswer, pieceOf } from "./fire-hose.ts";

/** One answer, as far as it has come. */
class Expected {
  readonly #answer: LongAnswer;
  #ahead = "";
  #made = 0;
  #ended = false;

  constructor(answer: LongAnswer) {
    this.#answer = answer;
  }

  /** What is wrong with the next text, if anything. */
  text(text: string): string | undefined {
    while (this.#ahead.length < text.length && this.#made < this.#answer.pieces) {
      this.#ahead += pieceOf(this.#answer, this.#made);
      this.#made += 1;
    }
    if (this.#ended || !this.#ahead.startsWith(text)) return `${this.#answer.id}: ${text}`;
    this.#ahead = this.#ahead.slice(text.length);
    return undefined;
  }

  /** What is wrong with this end, if anything. */
  end(frame: string): string | undefined {
    const isWhole = this.#made === this.#answer.pieces && this.#ahead === "";
    const isDone = frame.startsWith('{"type":"done"');
    if (this.#ended || !isDone || !isWhole) return `${this.#answer.id}: ${frame}`;
    this.#ended = true;
    return undefined;
  }
}

export class LongReader {
  readonly #socket: WebSocket;
  readonly #protocol: "v1" | "v2";
  /** In the order they were asked: v1 answers come in it, v2 answers are accepted by it. */
  readonly #asked: Expected[] = [];
  readonly #runs = new Map<string, Expected>();
  #wanted = 0;
  #ended = 0;
  /** The first thing that was not as it had to be. */
  fault: string | undefined;

  private constructor(socket: WebSocket, protocol: "v1" | "v2") {
    this.#socket = socket;
    this.#protocol = protocol;
    socket.on("message", (data) => {
      const frame = String(data);
      this.fault ??= protocol === "v1" ? this.#takeV1(frame) : this.#takeV2(JSON.parse(frame));
    });
    socket.on("close", (code) => {
      this.fault ??= `closed with ${code}`;
    });
  }

  static async connect(url: string, protocol: "v1" | "v2"): Promise<LongReader> {
    const socket = new WebSocket(url, protocol === "v2" ? V2_SUBPROTOCOL : []);
    const reader = new LongReader(socket, protocol);
    await once(socket, "open");
    return reader;
  }

  /** Whether every answer has come to its end. */
  get isDone(): boolean {
    return this.#ended === this.#wanted;
  }

  /** Ids of the runs that were accepted, v2 only, in the order they were asked. */
  get runs(): string[] {
    return [...this.#runs.keys()];
  }

  ask(answer: LongAnswer, provider: string): void {
    const ref = String(this.#asked.length);
    this.#asked.push(new Expected(answer));
    this.#wanted += 1;
    const request = { message: JSON.stringify(answer), provider };
    this.#send(this.#protocol === "v1" ? request : { type: "run", ref, ...request });
  }

  /** Reads along, from the beginning, what another connection of the session asked. */
  follow(run: string, answer: LongAnswer): void {
    this.#runs.set(run, new Expected(answer));
    this.#wanted += 1;
    this.#send({ type: "resume", run, after: { epoch: 0, seq: 0 } });
  }

  /** Stops reading from the network. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.close();
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #takeV1(frame: string): string | undefined {
    const expected = this.#asked[this.#ended];
    if (!expected) return `not asked for: ${frame}`;
    if (!frame.startsWith('{"type"')) return expected.text(frame);
    this.#ended += 1;
    return expected.end(frame);
  }

  #takeV2(frame: V2Down): string | undefined {
    if (frame.type === "accepted") {
      const expected = this.#asked[Number(frame.ref)];
      if (expected) this.#runs.set(frame.run, expected);
      return undefined;
    }
    const expected = "run" in frame && this.#runs.get(frame.run ?? "");
    if (!expected) return frame.type === "ready" ? undefined : `not asked for: ${frame.type}`;
    switch (frame.type) {
      case "delta":
        return expected.text(frame.text);
      case "resumed":
        return frame.outcome === "not_resumable" ? `not resumed: ${frame.reason}` : undefined;
      case "started":
      case "queued":
        return undefined;
      default:
        this.#ended += 1;
        return expected.end(JSON.stringify(frame));
    }
  }
}
