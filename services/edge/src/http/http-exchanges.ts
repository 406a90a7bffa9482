import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import type { Part } from "@openclaw/runtime";
import { HttpExchange } from "./http-exchange.ts";

const SWEEP_INTERVAL_MS = 1_000;

export interface HttpExchangesOptions {
  /** Most of them at once; more are refused. */
  readonly maxOpen: number;
  readonly slowConsumerMs: number;
  readonly onSlowConsumer: () => void;
  readonly keepAliveAfterMs: number;
}

/** The open HTTP requests of this edge. */
export class HttpExchanges implements Part {
  readonly name = "http exchanges";
  readonly #options: HttpExchangesOptions;
  readonly #open = new Set<HttpExchange>();
  #sweeping: NodeJS.Timeout | undefined;
  #draining = false;
  #onEmpty: () => void = () => undefined;

  constructor(options: HttpExchangesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  get isFull(): boolean {
    return this.#open.size > this.#options.maxOpen;
  }

  /** Must be called within the route's handler. */
  open(response: HttpResponse, request: HttpRequest): HttpExchange {
    const exchange = new HttpExchange(response, request, {
      ...this.#options,
      isLeaving: () => this.#draining,
      onOver: (over) => {
        this.#open.delete(over);
        if (this.#open.size === 0) this.#onEmpty();
      },
    });
    this.#open.add(exchange);
    return exchange;
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
    if (this.#open.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
  }
}
