/** `GET /v1/models`: the model names for chat completions. */
import type { TemplatedApp } from "uWebSockets.js";
import type { GatewayConfigSource } from "@openclaw/config";
import { failure } from "@openclaw/protocol";
import { namedModels, providerFor } from "../../admission/model-choice.ts";
import { refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import { type RouteGroup, type RouteOptions, route } from "./route-group.ts";

const PATH = "/v1/models";

export interface ModelsRoutesOptions extends RouteOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
}

export class ModelsRoutes implements RouteGroup {
  readonly #options: ModelsRoutesOptions;

  constructor(options: ModelsRoutesOptions) {
    this.#options = options;
  }

  serve(app: TemplatedApp): void {
    app.get(
      PATH,
      route(this.#options, (exchange) => {
        const data = [...namedModels(this.#options.gateway.current)].map(modelOf);
        exchange.reply(200, { object: "list", data });
      }),
    );
    // Names of models may have slashes.
    app.get(
      `${PATH}/*`,
      route(this.#options, (exchange) => this.#one(exchange)),
    );
  }

  #one(exchange: HttpExchange): void {
    const { current } = this.#options.gateway;
    const model = exchange.request.path.slice(PATH.length + 1);
    const provider = providerFor(model, current);
    if (provider === undefined) {
      refuse(exchange, failure("unknown_provider", "That model does not exist here."), {
        param: "model",
      });
    } else {
      exchange.reply(200, modelOf([model, current.providers[provider]?.kind ?? "openclaw"]));
    }
  }
}

function modelOf([id, owner]: readonly [string, string]) {
  return { id, object: "model", created: 0, owned_by: owner } as const;
}
