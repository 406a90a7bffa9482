/** `/stats`: the figures of the whole cluster. If the gateway has keys, a client must show one. */
import type { TemplatedApp } from "uWebSockets.js";
import { failure } from "@openclaw/protocol";
import { refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import { type RouteGroup, type RouteOptions, route } from "./route-group.ts";

export interface StatsRoutesOptions extends RouteOptions {
  /** @throws what Redis throws */
  readonly readStats: () => Promise<unknown>;
}

export class StatsRoutes implements RouteGroup {
  readonly #options: StatsRoutesOptions;

  constructor(options: StatsRoutesOptions) {
    this.#options = options;
  }

  serve(app: TemplatedApp): void {
    app.get(
      "/stats",
      route(this.#options, (exchange) => this.#answer(exchange)),
    );
  }

  async #answer(exchange: HttpExchange): Promise<void> {
    const { readStats, log } = this.#options;
    try {
      exchange.reply(200, await readStats());
    } catch (error) {
      log.warn({ err: error }, "stats not read");
      refuse(exchange, failure("unavailable", "Redis does not answer. Try again shortly."));
    }
  }
}
