/** What a client really sent, and what it was told: its own `fetch`, looked at. */

export interface Exchange {
  /** On the process's monotonic clock, in ms. */
  readonly sentAt: number;
  /** When the status and headers were there, on the same clock. */
  answeredAt: number | undefined;
  status: number | undefined;
  /** As the answer demanded, in ms. */
  retryAfterMs: number | undefined;
}

export class Wire {
  readonly exchanges: Exchange[] = [];
  readonly #onChange: (exchange: Exchange, index: number) => void;

  /** @param onChange called when a request was sent, and when it was answered */
  constructor(onChange: (exchange: Exchange, index: number) => void = () => undefined) {
    this.#onChange = onChange;
  }

  readonly fetch: typeof globalThis.fetch = async (...request) => {
    const exchange: Exchange = {
      sentAt: performance.now(),
      answeredAt: undefined,
      status: undefined,
      retryAfterMs: undefined,
    };
    const index = this.exchanges.push(exchange) - 1;
    this.#onChange(exchange, index);
    const response = await fetch(...request);
    exchange.answeredAt = performance.now();
    exchange.status = response.status;
    const seconds = response.headers.get("retry-after");
    if (seconds !== null) exchange.retryAfterMs = Number(seconds) * 1_000;
    this.#onChange(exchange, index);
    return response;
  };

  /** Of each request in turn. */
  get statuses(): readonly (number | undefined)[] {
    return this.exchanges.map(({ status }) => status);
  }

  /** How long the client left the server alone between its first two requests, in ms. */
  get pauseMs(): number {
    const [first, second] = this.exchanges;
    return (second?.sentAt ?? Number.NaN) - (first?.answeredAt ?? Number.NaN);
  }
}
