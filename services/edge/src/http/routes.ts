/** The plain HTTP routes of an edge. */

import type { HttpResponse, TemplatedApp } from "uWebSockets.js";
import type { Logger } from "@openclaw/runtime";

export interface RoutesOptions {
  readonly log: Logger;
  /** Why the edge cannot serve; empty while it can. */
  readonly troubles: () => string[];
  readonly readStats: () => Promise<unknown>;
}

const STATUS = {
  200: "200 OK",
  404: "404 Not Found",
  426: "426 Upgrade Required",
  503: "503 Service Unavailable",
} as const;

/** Adds the routes to an app; must come after the WebSocket routes. */
export function serveHttp(app: TemplatedApp, { log, troubles, readStats }: RoutesOptions): void {
  app.get("/health", (response) => {
    const reasons = troubles();
    const ok = reasons.length === 0;
    reply(response, ok ? 200 : 503, { status: ok ? "ok" : "unavailable", reasons });
  });
  // What many load balancers ask.
  app.head("/health", (response) => {
    response.writeStatus(STATUS[troubles().length === 0 ? 200 : 503]).endWithoutBody(0);
  });
  app.get("/stats", (response) => {
    const gone = { aborted: false };
    response.onAborted(() => {
      gone.aborted = true;
    });
    readStats().then(
      (stats) => !gone.aborted && reply(response, 200, stats),
      (error: unknown) => {
        log.warn({ err: error }, "stats not read");
        if (!gone.aborted) reply(response, 503, { error: "redis does not answer" });
      },
    );
  });
  for (const path of ["/ws/stream", "/ws/stream/", "/ws/stream/:session"]) {
    app.get(path, (response) => {
      response.writeStatus(STATUS[426]).writeHeader("upgrade", "websocket");
      finish(response, { error: "This address speaks WebSocket. Connect with ws://." });
    });
  }
  app.any("/*", (response) => {
    reply(response, 404, {
      error: "Not found. There are /ws/stream/{session_id}, /health, /stats.",
    });
  });
}

function reply(response: HttpResponse, status: keyof typeof STATUS, body: unknown): void {
  response.cork(() => {
    response.writeStatus(STATUS[status]);
    finish(response, body);
  });
}

function finish(response: HttpResponse, body: unknown): void {
  response
    .writeHeader("content-type", "application/json; charset=utf-8")
    .writeHeader("cache-control", "no-store")
    .end(JSON.stringify(body));
}
