/** The plain HTTP routes of an edge. */

import type { TemplatedApp } from "uWebSockets.js";
import { refuseAddress } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import type { HttpExchanges } from "../exchange/http-exchanges.ts";
import type { RouteGroup } from "./route-group.ts";

export interface RoutesOptions {
  readonly exchanges: HttpExchanges;
  /** Why the edge cannot serve; empty while it can. */
  readonly troubles: () => string[];
  /** What an operator should know though it can. */
  readonly notes: () => string[];
  readonly groups: readonly RouteGroup[];
}

/** Some clients are given a base URL without its end, or choose the Responses API unless told otherwise. */
const WHERE =
  "The base URL of an OpenAI client ends in `/v1`, and there are POST /v1/chat/completions and GET /v1/models. WebSockets connect to /ws/stream/{session_id}; /openapi.json has everything else.";

/** Of an address that is not known. */
const LONGEST_TOLD = 128;

/** Adds the routes to an app; must come after the WebSocket routes. */
export function serveHttp(
  app: TemplatedApp,
  { exchanges, troubles, notes, groups }: RoutesOptions,
): void {
  for (const door of groups) door.serve(app);
  const tellHealth = exchanges.route((exchange) => {
    const reasons = troubles();
    const ok = reasons.length === 0;
    const status = ok ? "ok" : "unavailable";
    const told = notes();
    exchange.reply(ok ? 200 : 503, { status, reasons, ...(told.length > 0 && { notes: told }) });
  });
  // Many load balancers ask with HEAD.
  app.get("/health", tellHealth).head("/health", tellHealth);
  for (const path of ["/ws/stream", "/ws/stream/", "/ws/stream/:session"]) {
    app.get(path, exchanges.route(refusePlain));
  }
  app.options("/*", exchanges.preflight());
  app.any("/*", exchanges.route(refuseUnknown));
}

function refusePlain(exchange: HttpExchange): void {
  const message = "This address speaks WebSocket. Connect with ws://.";
  refuseAddress(exchange, { code: "upgrade_required", message }, { upgrade: "websocket" });
}

function refuseUnknown(exchange: HttpExchange): void {
  const { method, url } = exchange.request;
  const asked = `${method.toUpperCase()} ${url.slice(0, LONGEST_TOLD)}`;
  const message = `There is no ${asked} here. ${WHERE}`;
  refuseAddress(exchange, { code: "unknown_url", message });
}
