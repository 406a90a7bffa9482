/** Every HTTP route of an edge: those of the groups, `/health`, and refusals for all other addresses. */
import type { TemplatedApp } from "uWebSockets.js";
import { SOCKET_PATHS } from "../../socket/socket-server.ts";
import { refuseAddress } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import type { HttpExchanges } from "../exchange/http-exchanges.ts";
import type { RouteGroup } from "./route-group.ts";

export interface HttpRoutesOptions {
  readonly exchanges: HttpExchanges;
  /** Why the edge cannot serve; empty while it can. */
  readonly troubles: () => string[];
  /** Notes for the operator of an edge that can serve. */
  readonly notes: () => string[];
  readonly groups: readonly RouteGroup[];
}

/** Some clients have a base URL without its end, or use the Responses API by default. */
const WHERE =
  "The base URL of an OpenAI client ends in `/v1`, and there are POST /v1/chat/completions and GET /v1/models. WebSockets connect to /ws/stream/{session_id}; /openapi.json has everything else.";

/** Characters of an unknown address that the error repeats. */
const LONGEST_QUOTED = 128;

export class HttpRoutes implements RouteGroup {
  readonly #options: HttpRoutesOptions;

  constructor(options: HttpRoutesOptions) {
    this.#options = options;
  }

  /** Must be called after the WebSocket routes have been added. */
  serve(app: TemplatedApp): void {
    const { exchanges, groups } = this.#options;
    for (const group of groups) group.serve(app);
    const health = exchanges.route((exchange) => this.#health(exchange));
    // Many load balancers ask with HEAD.
    app.get("/health", health).head("/health", health);
    for (const path of SOCKET_PATHS) app.get(path, exchanges.route(refusePlain));
    app.options("/*", exchanges.preflight());
    app.any("/*", exchanges.route(refuseUnknown));
  }

  #health(exchange: HttpExchange): void {
    const reasons = this.#options.troubles();
    const notes = this.#options.notes();
    const isWell = reasons.length === 0;
    const status = isWell ? "ok" : "unavailable";
    exchange.reply(isWell ? 200 : 503, { status, reasons, ...(notes.length > 0 && { notes }) });
  }
}

function refusePlain(exchange: HttpExchange): void {
  const message = "This address speaks WebSocket. Connect with ws://.";
  refuseAddress(exchange, { code: "upgrade_required", message }, { upgrade: "websocket" });
}

function refuseUnknown(exchange: HttpExchange): void {
  const { method, url } = exchange.request;
  const asked = `${method.toUpperCase()} ${url.slice(0, LONGEST_QUOTED)}`;
  const message = `There is no ${asked} here. ${WHERE}`;
  refuseAddress(exchange, { code: "unknown_url", message });
}
