import type { TemplatedApp } from "uWebSockets.js";
import { openApiDocument } from "../openapi/openapi-document.ts";
import { type RouteGroup, type RouteOptions, route } from "./route-group.ts";

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
