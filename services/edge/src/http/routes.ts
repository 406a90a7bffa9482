/** The plain HTTP routes of an edge. */

import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import type { ApiError } from "@openclaw/protocol";
import type { Door } from "./door.ts";
import { type HttpStatus, statusLine } from "./http-status.ts";

export interface RoutesOptions {
  /** Why the edge cannot serve; empty while it can. */
  readonly troubles: () => string[];
  readonly doors: readonly Door[];
}

/** Some clients choose the Responses API unless told otherwise. */
const WHERE =
  "Of the OpenAI API there are POST /v1/chat/completions and GET /v1/models; /openapi.json has everything.";

/** Adds the routes to an app; must come after the WebSocket routes. */
export function serveHttp(app: TemplatedApp, { troubles, doors }: RoutesOptions): void {
  for (const door of doors) door.serve(app);
  app.get("/health", (response) => {
    const reasons = troubles();
    const ok = reasons.length === 0;
    reply(response, ok ? 200 : 503, { status: ok ? "ok" : "unavailable", reasons });
  });
  // What many load balancers ask.
  app.head("/health", (response) => {
    response.writeStatus(statusLine(troubles().length === 0 ? 200 : 503)).endWithoutBody(0);
  });
  for (const path of ["/ws/stream", "/ws/stream/", "/ws/stream/:session"]) {
    app.get(path, (response) => {
      response.writeStatus(statusLine(426)).writeHeader("upgrade", "websocket");
      finish(response, { error: "This address speaks WebSocket. Connect with ws://." });
    });
  }
  // A body would be taken for the next response of the connection.
  app.head("/*", (response) => {
    response.writeStatus(statusLine(404)).endWithoutBody(0);
  });
  app.any("/v1/*", (response, request) => {
    const asked = `${request.getMethod().toUpperCase()} ${request.getUrl().slice(0, 128)}`;
    const message = `There is no ${asked} here. ${WHERE}`;
    reply(response, 404, unknownAddress(message));
  });
  app.any("/*", (response) => {
    reply(response, 404, {
      error:
        "Not found. There are /ws/stream/{session_id}, /v1/chat/completions, /v1/runs, /health, /stats, /openapi.json.",
    });
  });
}

function unknownAddress(message: string): ApiError {
  return { error: { message, type: "invalid_request_error", param: null, code: "unknown_url" } };
}

function reply(response: HttpResponse, status: HttpStatus, body: unknown): void {
  response.cork(() => {
    response.writeStatus(statusLine(status));
    finish(response, body);
  });
}

function finish(response: HttpResponse, body: unknown): void {
  response
    .writeHeader("content-type", "application/json; charset=utf-8")
    .writeHeader("cache-control", "no-store")
    .end(JSON.stringify(body));
}
