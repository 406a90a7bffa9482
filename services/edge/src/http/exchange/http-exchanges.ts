import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import type { Failure } from "@openclaw/protocol";
import { type Component, Idle } from "@openclaw/runtime";
import type { ByteBudget } from "../../admission/byte-budget.ts";
import { refuse } from "./api-error.ts";
import { preflightHeaders } from "./cors.ts";
import type { Admission, Gate } from "./gate.ts";
import { HttpExchange } from "./http-exchange.ts";
import type { Headers } from "./http-head.ts";

const SWEEP_INTERVAL_MS = 1_000;

export interface HttpExchangesOptions {
  readonly gate: Pick<Gate, "admit">;
  readonly onRefused: (reason: Failure) => void;
  /** Most open requests at once. More are refused. */
  readonly maxOpen: number;
  readonly slowConsumerMs: number;
  readonly onSlowConsumer: () => void;
  readonly keepAliveAfterMs: number;
  /** Bounds the unread bodies of all requests. */
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

  /** A route whose handler is only called for requests that the gate admits. */
  route(handle: (exchange: HttpExchange, admission: Admission) => void): Route {
    const { gate, onRefused } = this.#options;
    return (response, request) => {
      const admission = gate.admit(request);
      const { refusal, headers, hasUnsureEnd } = admission;
      if (refusal && hasUnsureEnd) {
        onRefused(refusal);
        // Without a response: after one, uWebSockets.js would read on what has already come.
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

  /**
   * Answers a preflight, with which a browser asks whether a page may send a request. It has no key.
   */
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

  /**
   * Resolves when the open answers are whole, or once `signal` aborts. Connections close behind them.
   */
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
