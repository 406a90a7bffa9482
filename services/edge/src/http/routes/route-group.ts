import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import { failure } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import type { ClientKeys, Credentials } from "../../admission/client-keys.ts";
import type { RunAdmission } from "../../admission/run-admission.ts";
import { refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import type { HttpExchanges } from "../exchange/http-exchanges.ts";

/** A set of HTTP routes that belong together. */
export interface RouteGroup {
  /** Adds its routes to an app. */
  serve(app: TemplatedApp): void;
}

export interface RouteOptions {
  readonly exchanges: HttpExchanges;
  readonly log: Logger;
  readonly clientKeys: ClientKeys;
  readonly admission: Pick<RunAdmission, "refused">;
}

const FULL = failure("overloaded");
const UNKNOWN = failure("invalid_api_key");

/**
 * Makes a route of a handler on exchanges. If the handler throws, the client gets `internal`, once, and the error
 * is logged.
 */
export function route(
  { exchanges, log, clientKeys, admission }: RouteOptions,
  handle: (exchange: HttpExchange) => Promise<void> | void,
): (response: HttpResponse, request: HttpRequest) => void {
  return exchanges.route((exchange) => {
    const isKnown = clientKeys.accept(credentialsOf(exchange));
    const refusal = exchanges.isFull ? FULL : isKnown ? undefined : UNKNOWN;
    if (refusal) {
      admission.refused(refusal);
      refuse(exchange, refusal);
      return;
    }
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
  });
}

function credentialsOf(exchange: HttpExchange): Credentials {
  return {
    authorization: exchange.request.header("authorization") ?? "",
    apiKey: exchange.request.query("api_key"),
  };
}
