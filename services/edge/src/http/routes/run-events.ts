/**
 * `GET /v1/runs/{id}/events`: one reader of a run, which may come and go. Several clients may read one run at once,
 * each from its own position.
 */
import { type ErrorCode, type Failure, failure } from "@openclaw/protocol";
import { isOutage } from "@openclaw/runtime";
import { BEGINNING, type Position, parseEntryId } from "@openclaw/stream";
import type { RunAdmission } from "../../admission/run-admission.ts";
import { EventsAnswer } from "../../answers/events-answer.ts";
import type { LiveRun } from "../../runs/live-run.ts";
import type { RunReaders } from "../../runs/run-readers.ts";
import type { ResumeRefusal, RunResumer } from "../../runs/run-resumer.ts";
import { refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";

/** How soon a reader comes back, in milliseconds: if one edge is lost, others are there. */
const RETRY = "retry: 500\n\n";
/** Both numbers stay below 2^53. */
const POSITION = /^\d{1,15}-\d{1,15}$/;
const LAST_EVENT_ID = "last-event-id";
/** Refusals that say nothing of the run, but only of this edge. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["draining", "overloaded", "unavailable"]);

export interface RunEventsOptions {
  readonly admission: Pick<RunAdmission, "refusal">;
  readonly resumer: Pick<RunResumer, "resume">;
  readonly readers: Pick<RunReaders, "keepFor">;
  /**
   * How long a run that ends with its readers goes on for a reader that is gone and may come back.
   */
  readonly graceMs: number;
  readonly onUnknown: (exchange: HttpExchange) => void;
}

interface Asked {
  /** Undefined if the request has no valid position. */
  readonly after: Position | undefined;
  /** The header or parameter in which the client gave it. */
  readonly param: string;
}

export class RunEvents {
  readonly #options: RunEventsOptions;

  constructor(options: RunEventsOptions) {
    this.#options = options;
  }

  /** @throws what Redis throws */
  async follow(exchange: HttpExchange): Promise<void> {
    const { after, param } = askedOf(exchange);
    if (!after) {
      const message = `\`${param}\` must be the id of an event of this run, such as 15-3; leave it out to begin at the beginning.`;
      refuse(exchange, failure("invalid_request", message), { param });
      return;
    }
    const refusal = this.#options.admission.refusal(undefined);
    if (refusal && PASSING.has(refusal.code)) putOff(exchange, refusal);
    else {
      try {
        await this.#read(exchange, after, param);
      } catch (error) {
        if (exchange.isStreaming || !isBack(exchange) || !isOutage(error)) throw error;
        putOff(exchange, failure("unavailable"));
      }
    }
  }

  async #read(exchange: HttpExchange, after: Position, param: string): Promise<void> {
    const runId = exchange.request.parameter(0);
    const run = await this.#options.resumer.resume({
      runId,
      after,
      answer: new EventsAnswer({ run: runId, after, sink: exchange }),
      onResumed: () => this.#stream(exchange),
      onEnded: () => undefined,
    });
    if (typeof run === "string") this.#refuse(exchange, run, param);
    else this.#attend(exchange, run);
  }

  /** The reader may leave at any time, be slow, or be sent to another edge. */
  #attend(exchange: HttpExchange, run: LiveRun): void {
    const leave = () => this.#options.readers.keepFor(run, this.#options.graceMs);
    if (!exchange.isOpen) {
      if (!run.isEnded) leave();
      return;
    }
    exchange.onGone(leave);
    exchange.onDrain(() => run.resume());
    exchange.onLeaving(() => {
      leave();
      exchange.end();
    });
  }

  #stream(exchange: HttpExchange): void {
    exchange.stream({ "x-request-id": exchange.request.parameter(0) });
    exchange.write(RETRY);
  }

  #refuse(exchange: HttpExchange, reason: ResumeRefusal, param: string): void {
    switch (reason) {
      case "unknown_run":
        this.#options.onUnknown(exchange);
        break;
      case "unknown_position":
      case "ahead": {
        const message = `This run has no event with the id in \`${param}\`. Leave it out to begin at the beginning.`;
        const unknown = failure("invalid_request", message);
        if (reason === "ahead") putOff(exchange, unknown, param);
        else refuse(exchange, unknown, { param });
        break;
      }
      case "too_many_readers":
        putOff(
          exchange,
          failure("overloaded", "This run has as many readers as it may. Try again."),
        );
        break;
      case "nothing_left":
        // A browser that gets this status does not come back.
        exchange.replyEmpty(204, { "x-request-id": exchange.request.parameter(0) });
        break;
    }
  }
}

/**
 * Makes a reader come back in a moment. A browser that has read before does not come back after a failure, whatever
 * its status. It does so after the end of a stream.
 */
function putOff(exchange: HttpExchange, reason: Failure, param?: string): void {
  if (reason.code !== "draining" && !isBack(exchange)) {
    refuse(exchange, reason, { param });
    return;
  }
  exchange.stream({ "x-request-id": exchange.request.parameter(0) });
  exchange.write(RETRY);
  exchange.end();
}

/** Whether the client has read this run before. */
function isBack(exchange: HttpExchange): boolean {
  return Boolean(exchange.request.header(LAST_EVENT_ID));
}

/**
 * A browser adds the header when it comes back to an address that may also have the parameter. So the header wins.
 */
function askedOf(exchange: HttpExchange): Asked {
  const header = exchange.request.header(LAST_EVENT_ID) || undefined;
  const param = header === undefined ? "after" : "Last-Event-ID";
  const text = header ?? exchange.request.query("after") ?? "";
  if (text === "") return { after: BEGINNING, param };
  return { after: POSITION.test(text) ? parseEntryId(text) : undefined, param };
}
