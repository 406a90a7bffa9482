/**
 * A v1 conversation on one connection: one answer at a time, in the order the messages came.
 */
import { failure, parseV1Up, V1_PONG, type V1Limits, v1ErrorFrame } from "@openclaw/protocol";
import type { RunStarter, StartedRun } from "../inbound/run-starter.ts";
import { V1Answer } from "../outbound/v1-answer.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionEvents } from "../socket/socket-server.ts";

export interface V1SessionOptions {
  readonly starter: RunStarter;
  readonly limits: V1Limits;
  /** Most messages that wait while one is answered. */
  readonly maxWaiting: number;
}

interface V1SessionContext extends V1SessionOptions {
  /** An answer is over and nothing waits. */
  readonly onIdle: () => void;
}

interface Waiting {
  readonly message: string;
  readonly provider: string | undefined;
}

export class V1Session implements ConnectionEvents {
  readonly #connection: Connection;
  readonly #options: V1SessionContext;
  readonly #waiting: Waiting[] = [];
  #current: StartedRun | undefined;

  constructor(connection: Connection, options: V1SessionContext) {
    this.#connection = connection;
    this.#options = options;
    connection.onDrain(() => this.#current?.resume());
  }

  get isIdle(): boolean {
    return !this.#current && this.#waiting.length === 0;
  }

  onText(frame: string): void {
    const parsed = parseV1Up(frame, this.#options.limits);
    if (!parsed.ok) {
      this.#connection.send(v1ErrorFrame(parsed.failure));
      return;
    }
    const { up } = parsed;
    if (up.type === "ping") this.#connection.send(V1_PONG);
    else if (up.type === "cancel") this.#current?.cancel("client");
    else this.#take(up);
  }

  /** Messages that wait are refused now; the answer in hand goes on. */
  drain(): void {
    for (const _ of this.#waiting.splice(0)) {
      this.#connection.send(v1ErrorFrame(failure("draining")));
    }
  }

  onBinary(): void {
    this.#connection.send(v1ErrorFrame(failure("binary_frame")));
  }

  onClose(): void {
    this.#waiting.length = 0;
    this.#current?.cancel("disconnected");
  }

  #take(message: Waiting): void {
    const refusal = this.#options.starter.refusal(message.provider);
    if (refusal) {
      this.#connection.send(v1ErrorFrame(refusal));
      return;
    }
    if (!this.#current) {
      this.#answer(message);
      return;
    }
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#connection.send(v1ErrorFrame(failure("too_many_waiting")));
      return;
    }
    this.#waiting.push(message);
  }

  #answer({ message, provider }: Waiting): void {
    this.#current = this.#options.starter.start({
      session: this.#connection.session,
      messages: [{ role: "user", content: message }],
      provider,
      answer: new V1Answer(this.#connection),
      onEnded: () => {
        this.#current = undefined;
        // Not within this call: a run that fails at once must not recurse through the whole queue.
        setImmediate(() => this.#next());
      },
    });
  }

  #next(): void {
    if (this.#current || !this.#connection.isOpen) return;
    const message = this.#waiting.shift();
    if (message) this.#answer(message);
    else this.#options.onIdle();
  }
}
