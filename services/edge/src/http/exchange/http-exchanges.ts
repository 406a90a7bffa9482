import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import type { Failure } from "@openclaw/protocol";
import { type Component, Idle } from "@openclaw/runtime";
import type { ByteBudget } from "../../admission/byte-budget.ts";
import { refuse } from "./api-error.ts";
import { preflightHeaders } from "./cors.ts";
import type { Admission, Gate } from "./gate.ts";
import { type Headers, HttpExchange } from "./http-exchange.ts";

const SWEEP_INTERVAL_MS = 1_000;

export interface HttpExchangesOptions {
  readonly gate: Pick<Gate, "admit">;
  readonly onRefused: (reason: Failure) => void;
  /** Most of them at once; more are refused. */
  readonly maxOpen: number;
  readonly slowConsumerMs: number;
  readonly onSlowConsumer: () => void;
  readonly keepAliveAfterMs: number;
  /** What the bodies of all requests may take that have not been read yet. */
  readonly inbound: ByteBudget;
}

type Route = (response: HttpResponse, request: HttpRequest) => void;

/** The open HTTP requests of this edge. */
export class HttpExchanges implements Component {
  readonly name = "http exchanges";
  readonly #options: HttpExchangesOptions;
  readonly #open = new Set<HttpExchange>();
  #sweeping: NodeJS.Timeout | undefined;
  #draining = false;
  readonly #idle = new Idle(() => this.#open.size === 0);

  constructor(options: HttpExchangesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  get isFull(): boolean {
    return this.#open.size > this.#options.maxOpen;
  }

  /** A route whose handler is only called for what may be asked at all. */
  route(handle: (exchange: HttpExchange, admission: Admission) => void): Route {
    const { gate, onRefused } = this.#options;
    return (response, request) => {
      const admission = gate.admit(request);
      const { refusal, headers, hasUnsureEnd } = admission;
      if (refusal && hasUnsureEnd) {
        onRefused(refusal);
        // Without a word: behind a response, uWebSockets.js would go on with what has come already.
        response.close();
        return;
      }
      const exchange = this.#exchange(response, request, headers);
      if (refusal) {
        onRefused(refusal);
        refuse(exchange, refusal);
      } else handle(exchange, admission);
    };
  }

  /** Answers a browser that asks whether a page may ask. It has no key yet. */
  preflight(): Route {
    return this.route((exchange, { isReadable }) => {
      const asked = exchange.request.header("access-control-request-headers") ?? "";
      exchange.replyEmpty(204, isReadable ? preflightHeaders(asked) : {});
    });
  }

  async start(): Promise<void> {
    this.#sweeping = setInterval(() => {
      const now = performance.now();
      for (const exchange of this.#open) exchange.sweep(now);
    }, SWEEP_INTERVAL_MS);
  }

  /** Resolves when the answers in hand are whole, or once `signal` aborts; connections close behind them. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const exchange of [...this.#open]) exchange.leave();
    await this.#idle.wait(signal);
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
  }

  #exchange(response: HttpResponse, request: HttpRequest, headers: Headers): HttpExchange {
    const exchange = new HttpExchange(response, request, {
      ...this.#options,
      headers,
      isLeaving: () => this.#draining,
      onOver: (over) => {
        this.#open.delete(over);
        this.#idle.check();
      },
    });
    this.#open.add(exchange);
    return exchange;
  }
}
