/**
 * `/v1/runs`: one request starts a run, which goes on by itself. Any number of clients may read its answer, from
 * any edge. A client that knows its id, which is random, may read it.
 */
import type { TemplatedApp } from "uWebSockets.js";
import { randomUUID } from "node:crypto";
import { type AcceptedRun, type CancelledRun, failure } from "@openclaw/protocol";
import { isOutage } from "@openclaw/runtime";
import { type AskedRun, parseRunRequest } from "../../admission/parse-request.ts";
import { withPlaceOf } from "../../admission/provider-chain.ts";
import type { RunAdmission } from "../../admission/run-admission.ts";
import type { RunStarter } from "../../admission/run-starter.ts";
import { BackgroundAnswer } from "../../answers/background-answer.ts";
import type { RunEnder } from "../../runs/run-ender.ts";
import type { RunLookup } from "../../runs/run-lookup.ts";
import type { RunReaders } from "../../runs/run-readers.ts";
import type { RunResumer } from "../../runs/run-resumer.ts";
import { refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import { readRequest } from "./read-request.ts";
import { type RouteGroup, type RouteOptions, route } from "./route-group.ts";
import { RunEvents } from "./run-events.ts";

export const RUNS_PATH = "/v1/runs";

const RUN_ID = /^[A-Za-z0-9-]{1,64}$/;
const NO_SUCH_RUN =
  "There is no run with that id, or it ended too long ago. Start one with POST /v1/runs.";

export interface RunsRoutesOptions extends RouteOptions {
  readonly admission: Pick<RunAdmission, "refusal" | "refused">;
  readonly starter: Pick<RunStarter, "begin">;
  readonly resumer: Pick<RunResumer, "resume">;
  readonly readers: Pick<RunReaders, "keepFor">;
  readonly ender: Pick<RunEnder, "cancel">;
  readonly lookup: Pick<RunLookup, "report" | "status" | "isFull">;
  /** Longest body that is read, in bytes. */
  readonly maxBodyBytes: number;
  /** Longest conversation in one request, in UTF-8 bytes of its JSON. */
  readonly maxMessageBytes: number;
  /**
   * How long a run that ends with its readers goes on for a reader that is gone and may come back.
   */
  readonly graceMs: number;
}

export class RunsRoutes implements RouteGroup {
  readonly #options: RunsRoutesOptions;
  readonly #events: RunEvents;

  constructor(options: RunsRoutesOptions) {
    this.#options = options;
    this.#events = new RunEvents({ ...options, onUnknown: refuseUnknown });
  }

  serve(app: TemplatedApp): void {
    const on = (handle: (exchange: HttpExchange) => Promise<void>) => route(this.#options, handle);
    app.post(
      RUNS_PATH,
      on((exchange) => this.#start(exchange)),
    );
    app.get(
      `${RUNS_PATH}/:run`,
      on((exchange) => this.#answered(exchange, () => this.#report(exchange))),
    );
    app.get(
      `${RUNS_PATH}/:run/events`,
      on((exchange) => this.#answered(exchange, () => this.#events.follow(exchange))),
    );
    app.post(
      `${RUNS_PATH}/:run/cancel`,
      on((exchange) => this.#answered(exchange, () => this.#cancel(exchange))),
    );
  }

  async #start(exchange: HttpExchange): Promise<void> {
    const { admission, maxBodyBytes: maxBytes } = this.#options;
    const parse = (body: Buffer) => parseRunRequest(body, this.#options);
    const asked = await readRequest(exchange, { maxBytes, parse });
    if (!asked) return;
    const refusal = admission.refusal(asked.provider, asked.parameters, asked.messages);
    if (!refusal) {
      this.#begin(exchange, asked);
      return;
    }
    const placed = withPlaceOf(refusal, asked.placeOf);
    const param =
      refusal.code === "unknown_provider" ? "provider" : (placed.problem?.field ?? null);
    refuse(exchange, placed, { param });
  }

  #begin(exchange: HttpExchange, asked: AskedRun): void {
    const { starter } = this.#options;
    const runId = randomUUID();
    const run = starter.begin({
      runId,
      session: asked.session ?? runId,
      messages: asked.messages,
      provider: asked.provider,
      parameters: asked.parameters,
      traceparent: exchange.request.header("traceparent"),
      background: true,
      answer: new BackgroundAnswer(
        () => {
          const body: AcceptedRun = { id: runId, state: "queued", provider: run.provider };
          exchange.reply(202, body, {
            location: `${RUNS_PATH}/${runId}`,
            "x-request-id": runId,
          });
        },
        (reason) => refuse(exchange, reason, { requestId: runId }),
      ),
      onEnded: () => undefined,
    });
    // The client will never know the id.
    exchange.onGone(() => run.cancel("disconnected"));
  }

  async #report(exchange: HttpExchange): Promise<void> {
    const runId = exchange.request.parameter(0);
    if (this.#options.lookup.isFull) {
      refuse(exchange, failure("overloaded"));
      return;
    }
    const report = await this.#options.lookup.report(runId);
    if (report) exchange.reply(200, report, { "x-request-id": runId });
    else refuseUnknown(exchange);
  }

  async #cancel(exchange: HttpExchange): Promise<void> {
    const { ender, lookup } = this.#options;
    const runId = exchange.request.parameter(0);
    const outcome = await ender.cancel(runId);
    const state =
      outcome === "cancelled"
        ? outcome
        : outcome === "ended"
          ? (await lookup.status(runId))?.state
          : undefined;
    if (state === undefined) {
      refuseUnknown(exchange);
      return;
    }
    const body: CancelledRun = { id: runId, state };
    exchange.reply(200, body, { "x-request-id": runId });
  }

  /** If Redis does not answer, the client may ask again. */
  async #answered(exchange: HttpExchange, answer: () => Promise<void>): Promise<void> {
    // From here on the id may be part of a header.
    if (!RUN_ID.test(exchange.request.parameter(0))) {
      refuseUnknown(exchange);
      return;
    }
    try {
      await answer();
    } catch (error) {
      const isAway = isOutage(error);
      const facts = { runId: exchange.request.parameter(0), err: error };
      this.#options.log[isAway ? "warn" : "error"](facts, "run not read");
      if (!exchange.isStreaming) refuse(exchange, failure(isAway ? "unavailable" : "internal"));
      else exchange.end();
    }
  }
}

function refuseUnknown(exchange: HttpExchange): void {
  refuse(exchange, failure("unknown_run", NO_SUCH_RUN));
}
