import type { TemplatedApp } from "uWebSockets.js";
import { type RouteGroup, type RouteOptions, route } from "../routes/route-group.ts";
import { openApiDocument } from "./openapi-document.ts";

/** `GET /openapi.json`. */
export class OpenApiRoutes implements RouteGroup {
  readonly #options: RouteOptions;
  readonly #document = JSON.stringify(openApiDocument());

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  serve(app: TemplatedApp): void {
    app.get(
      "/openapi.json",
      route(this.#options, (exchange) => exchange.reply(200, this.#document)),
    );
  }
}
