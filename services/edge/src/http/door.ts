import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import { failure } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import { refuse } from "./api-error.ts";
import type { HttpExchange } from "./http-exchange.ts";
import type { HttpExchanges } from "./http-exchanges.ts";

/** A set of HTTP routes that belong together. */
export interface Door {
  /** Adds its routes to an app. */
  serve(app: TemplatedApp): void;
}

export interface RouteOptions {
  readonly exchanges: HttpExchanges;
  readonly log: Logger;
}

/** A route's handler on exchanges. What it throws is told as `internal`, once, and logged. */
export function route(
  { exchanges, log }: RouteOptions,
  handle: (exchange: HttpExchange) => Promise<void> | void,
): (response: HttpResponse, request: HttpRequest) => void {
  return (response, request) => {
    const exchange = exchanges.open(response, request);
    const fail = (error: unknown) => {
      log.error({ err: error }, "request failed unexpectedly");
      if (exchange.isStreaming) exchange.end();
      else refuse(exchange, failure("internal"));
    };
    try {
      Promise.resolve(handle(exchange)).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
