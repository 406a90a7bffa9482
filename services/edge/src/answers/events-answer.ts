/**
 * Writes one run as server-sent events: the frames of protocol v2, each with its position as the event's id. A
 * client that comes back sends that id in `Last-Event-ID`.
 *
 * Only entries of the log have an id. `queued` and `restart` have no id. A client that
 * breaks off behind one of them comes back to the entry before it, and gets the event again.
 */
import type { RunEvent } from "@openclaw/protocol";
import type {
  DeltaEntry,
  Position,
  StartedEntry,
  TerminalEntry,
  ToolCallEntry,
} from "@openclaw/stream";
import type { Answer, DeltaOutcome } from "./answer.ts";
import type { EventSink } from "./chat-stream-answer.ts";
import type { RunPhases } from "./run-clock.ts";
import { V2Answer } from "./v2-answer.ts";

export interface EventsAnswerOptions {
  readonly run: string;
  /** The last position that the client has. */
  readonly after: Position;
  readonly sink: Pick<EventSink, "write" | "end" | "cork">;
}

export class EventsAnswer implements Answer {
  readonly isResumable = true;
  readonly isStreamed = true;
  readonly #options: EventsAnswerOptions;
  readonly #frames: V2Answer;
  /** Of the entry that is being written. */
  #position: Position | undefined;

  constructor(options: EventsAnswerOptions) {
    this.#options = options;
    const { run, after, sink } = options;
    this.#frames = new V2Answer({
      run,
      epoch: after.epoch,
      // If the client knows the id of the run, the answer has no other frames.
      send: (frame) => this.#send(frame as RunEvent),
      batch: (write) => sink.cork(write),
    });
  }

  onAccepted(): void {
    // The client knows the run already: its id is in the request.
  }

  onQueued(position: number, waitMs: number): void {
    this.#frames.onQueued(position, waitMs);
  }

  onStarted(position: Position, started: StartedEntry): void {
    this.#position = position;
    this.#frames.onStarted(position, started);
  }

  onDelta(position: Position, delta: DeltaEntry): DeltaOutcome {
    this.#position = position;
    return this.#frames.onDelta(position, delta);
  }

  onToolCall(position: Position, call: ToolCallEntry): DeltaOutcome {
    this.#position = position;
    this.#frames.onToolCall();
    return this.#send({ ...call, ...position, run: this.#options.run }) ? "written" : "full";
  }

  onTerminal(terminal: TerminalEntry, phases: RunPhases, position: Position | undefined): false {
    this.#position = position;
    this.#frames.onTerminal(terminal, phases);
    this.#options.sink.end();
    return false;
  }

  batch(write: () => void): void {
    this.#frames.batch(write);
  }

  #send(event: RunEvent): boolean {
    const hasId = event.type !== "queued" && event.type !== "restart" && this.#position;
    const id = hasId ? `id: ${hasId.epoch}-${hasId.seq}\n` : "";
    const { sink } = this.#options;
    return sink.write(`${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}
