/** A v1 conversation on one connection: one answer at a time, in the order of the messages. */
import {
  CLOSE_CODES,
  type ConversationMessage,
  type Failure,
  failure,
  parseV1Up,
  V1_PONG,
  type V1Limits,
  v1ErrorFrame,
} from "@openclaw/protocol";
import type { Reservation } from "../admission/byte-budget.ts";
import type { RunAdmission } from "../admission/run-admission.ts";
import type { RunStarter } from "../admission/run-starter.ts";
import { V1Answer } from "../answers/v1-answer.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { Connection } from "../socket/connection.ts";
import { ErrorLinger } from "./error-linger.ts";
import type { Session, SessionContext } from "./session.ts";

export interface V1SessionOptions {
  readonly admission: Pick<RunAdmission, "refusal" | "refused" | "holdWaiting">;
  readonly starter: Pick<RunStarter, "begin">;
  readonly limits: V1Limits;
  /** Most messages that wait while one is answered. */
  readonly maxWaiting: number;
  /** How long a client may be silent after an error; 0: for ever. */
  readonly errorLingerMs: number;
}

type V1SessionContext = V1SessionOptions & SessionContext;

interface Question {
  readonly message: string;
  readonly provider: string | undefined;
}

interface WaitingQuestion extends Question {
  /** The bytes of the message, which this edge keeps until its turn. */
  readonly held: Reservation | undefined;
}

interface Refused {
  readonly refusal: Failure;
}

/** What is answered in turn: a question, or a refused frame. */
type Waiting = WaitingQuestion | Refused;

/** A client that sends so many frames ahead of its answers does not wait for them. */
const MOST_WAITING_REFUSALS = 1_000;

export class V1Session implements Session {
  readonly #connection: Connection;
  readonly #options: V1SessionContext;
  /** In the order of their frames. An error frame ends an answer, so even refusals wait their turn. */
  #waiting: Waiting[] = [];
  #current: LiveRun | undefined;
  /** The client cancelled the current answer, so it does not wait for another frame. */
  #isCancelled = false;
  /** The last frame to the client was an error that it did not ask for. */
  #hasFailed = false;
  readonly #linger: ErrorLinger;

  constructor(connection: Connection, options: V1SessionContext) {
    this.#connection = connection;
    this.#options = options;
    connection.onDrain(() => this.#current?.resume());
    const reason = "the client sent nothing for a while after an error";
    this.#linger = new ErrorLinger({
      ...options,
      onOver: () => connection.endWhenWritten(CLOSE_CODES.normal, reason),
    });
  }

  get isIdle(): boolean {
    return !this.#current && this.#waiting.length === 0;
  }

  onText(frame: string): void {
    this.#linger.heard();
    const parsed = parseV1Up(frame, this.#options.limits);
    if (!parsed.ok) {
      this.#refuse(parsed.failure);
      return;
    }
    const { up } = parsed;
    if (up.type === "ping") this.#connection.send(V1_PONG);
    else if (up.type === "cancel") this.#cancel();
    else this.#take(up);
  }

  onBinary(): void {
    this.#linger.heard();
    this.#refuse(failure("binary_frame"));
  }

  onClose(): void {
    for (const waiting of this.#waiting) releaseBytes(waiting);
    this.#waiting = [];
    this.#linger.end();
    this.#current?.cancel("disconnected");
  }

  /** Questions that wait are refused in their turn. The current answer goes on. */
  drain(): void {
    this.#waiting = this.#waiting.map((waiting) => {
      if ("refusal" in waiting) return waiting;
      releaseBytes(waiting);
      return { refusal: failure("draining") };
    });
  }

  #cancel(): void {
    this.#isCancelled = this.#current !== undefined;
    this.#current?.cancel("client");
  }

  #take({ message, provider }: Question): void {
    const { admission } = this.#options;
    const refusal = admission.refusal(provider, {}, conversationOf(message));
    const questions = this.#waiting.filter((waiting) => !("refusal" in waiting)).length;
    if (refusal) this.#refuse(refusal);
    else if (questions >= this.#options.maxWaiting && this.#current) {
      const tooMany = failure("too_many_waiting");
      admission.refused(tooMany);
      this.#refuse(tooMany);
    } else if (this.isIdle) this.#answer({ message, provider });
    else this.#await({ message, provider });
  }

  #await(question: Question): void {
    const { admission } = this.#options;
    const held = admission.holdWaiting(conversationOf(question.message));
    if (held && "code" in held) {
      admission.refused(held);
      this.#refuse(held);
      return;
    }
    this.#waiting.push({ ...question, held });
    this.#next();
  }

  #refuse(refusal: Failure): void {
    if (!this.#options.mayRefuse(refusal)) return;
    if (this.#waiting.length >= MOST_WAITING_REFUSALS) {
      this.#connection.end(CLOSE_CODES.policyViolation, "too many frames ahead of their answers");
      return;
    }
    this.#waiting.push({ refusal });
    this.#next();
  }

  /** Answers the waiting frames, up to the first question that takes time. */
  #next(): void {
    while (!this.#current && this.#connection.isOpen) {
      const waiting = this.#waiting.shift();
      if (!waiting) {
        if (this.#hasFailed) this.#linger.begin();
        this.#options.onIdle();
        return;
      }
      if ("refusal" in waiting) this.#tell(waiting.refusal);
      else {
        releaseBytes(waiting);
        // The state of the edge may have changed since the message came.
        const { provider, message } = waiting;
        const refusal = this.#options.admission.refusal(provider, {}, conversationOf(message));
        if (refusal) this.#tell(refusal);
        else this.#answer(waiting);
      }
    }
  }

  #tell(refusal: Failure): void {
    this.#hasFailed = true;
    this.#connection.send(v1ErrorFrame(refusal));
  }

  #answer({ message, provider }: Question): void {
    this.#linger.end();
    this.#isCancelled = false;
    const answer = new V1Answer(this.#connection);
    this.#current = this.#options.starter.begin({
      session: this.#connection.session,
      messages: conversationOf(message),
      provider,
      traceparent: this.#connection.traceparent,
      answer,
      onEnded: () => {
        this.#hasFailed = answer.hasFailed && !this.#isCancelled;
        this.#current = undefined;
        // In a call of its own: a run that fails at once must not recurse through all waiting messages.
        setImmediate(() => this.#next());
      },
    });
  }
}

function conversationOf(message: string): readonly ConversationMessage[] {
  return [{ role: "user", content: message }];
}

function releaseBytes(waiting: Waiting): void {
  if ("held" in waiting) waiting.held?.release();
}
