import type { TemplatedApp } from "uWebSockets.js";
import { type Door, type RouteOptions, route } from "../door.ts";
import { openApiDocument } from "./openapi-document.ts";

/** `GET /openapi.json`. */
export class OpenApiDoor implements Door {
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
