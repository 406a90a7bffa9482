/** The plain HTTP routes of an edge. */

import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import { refuseAddress } from "./api-error.ts";
import type { Door } from "./door.ts";
import type { HttpExchange } from "./http-exchange.ts";
import type { HttpExchanges } from "./http-exchanges.ts";

export interface RoutesOptions {
  readonly exchanges: HttpExchanges;
  /** Why the edge cannot serve; empty while it can. */
  readonly troubles: () => string[];
  readonly doors: readonly Door[];
}

/** Some clients are given a base URL without its end, or choose the Responses API unless told otherwise. */
const WHERE =
  "The base URL of an OpenAI client ends in `/v1`, and there are POST /v1/chat/completions and GET /v1/models. WebSockets connect to /ws/stream/{session_id}; /openapi.json has everything else.";

/** Of an address that is not known. */
const LONGEST_TOLD = 128;

/** Adds the routes to an app; must come after the WebSocket routes. */
export function serveHttp(app: TemplatedApp, { exchanges, troubles, doors }: RoutesOptions): void {
  const on =
    (handle: (exchange: HttpExchange, request: HttpRequest) => void) =>
    (response: HttpResponse, request: HttpRequest) =>
      handle(exchanges.open(response, request), request);
  for (const door of doors) door.serve(app);
  app.get(
    "/health",
    on((exchange) => {
      const reasons = troubles();
      const ok = reasons.length === 0;
      exchange.reply(ok ? 200 : 503, { status: ok ? "ok" : "unavailable", reasons });
    }),
  );
  // What many load balancers ask.
  app.head(
    "/health",
    on((exchange) => exchange.replyEmpty(troubles().length === 0 ? 200 : 503)),
  );
  for (const path of ["/ws/stream", "/ws/stream/", "/ws/stream/:session"]) {
    app.get(path, on(refusePlain));
  }
  // A body would be taken for the next response of the connection.
  app.head(
    "/*",
    on((exchange) => exchange.replyEmpty(404)),
  );
  app.any("/*", on(refuseUnknown));
}

function refusePlain(exchange: HttpExchange): void {
  const message = "This address speaks WebSocket. Connect with ws://.";
  refuseAddress(exchange, { code: "upgrade_required", message }, { upgrade: "websocket" });
}

function refuseUnknown(exchange: HttpExchange, request: HttpRequest): void {
  const asked = `${request.getMethod().toUpperCase()} ${request.getUrl().slice(0, LONGEST_TOLD)}`;
  const message = `There is no ${asked} here. ${WHERE}`;
  refuseAddress(exchange, { code: "unknown_url", message });
}
