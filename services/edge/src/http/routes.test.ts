/** What an edge answers where nothing is, or not what was asked for. */
import uws from "uWebSockets.js";
import { apiErrorSchema } from "@openclaw/protocol";
import { createLogger } from "@openclaw/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClientKeys } from "../inbound/client-keys.ts";
import { HttpExchanges } from "./http-exchanges.ts";
import { ModelsDoor } from "./models-door.ts";
import { OpenApiDoor } from "./openapi/openapi-door.ts";
import { serveHttp } from "./routes.ts";
import { StatsDoor } from "./stats-door.ts";

const app = uws.App();
let readStats: () => Promise<unknown>;
let base: string;

beforeAll(async () => {
  const exchanges = new HttpExchanges({
    maxOpen: 100,
    slowConsumerMs: 1_000,
    onSlowConsumer: () => undefined,
    keepAliveAfterMs: 1_000,
  });
  const options = {
    exchanges,
    log: createLogger({ service: "test", level: "silent" }),
    clientKeys: new ClientKeys([]),
    starter: { refused: () => undefined },
  };
  const gateway = { current: { providers: {}, groups: {}, models: {}, defaultProvider: "" } };
  serveHttp(app, {
    exchanges,
    troubles: () => [],
    doors: [
      // What of the configuration it looks at.
      new ModelsDoor({ ...options, gateway: gateway as never }),
      new OpenApiDoor(options),
      new StatsDoor({ ...options, readStats: () => readStats() }),
    ],
  });
  await new Promise<void>((resolve) => {
    app.listen("127.0.0.1", 0, (token) => {
      base = `http://127.0.0.1:${uws.us_socket_local_port(token)}`;
      resolve();
    });
  });
});

afterAll(() => {
  app.close();
});

function ask(request: string, body?: string): Promise<Response> {
  const [method = "", path = ""] = request.split(" ");
  return fetch(base + path, { method, ...(body !== undefined && { body }) });
}

describe("an address that there is not", () => {
  test.each([
    "POST /chat/completions",
    "GET /models",
    "POST /v1/responses",
    "POST /v1/chat/completions/chat/completions",
    "PUT /v1/models",
    "OPTIONS /v1/chat/completions",
    "GET /",
  ])("%s is told as the OpenAI API does, and where its base URL ends", async (request) => {
    const response = await ask(request, request.startsWith("GET") ? undefined : '{"model":"m"}');
    const { error } = apiErrorSchema.parse(await response.json());
    expect({ ...error, status: response.status }).toMatchObject({
      status: 404,
      type: "invalid_request_error",
      param: null,
      code: "unknown_url",
    });
    expect(error.message).toContain(`There is no ${request} here.`);
    expect(error.message).toMatch(/base URL .*ends in `\/v1`/);
    expect(response.headers.get("x-should-retry")).toBe("false");
  });

  test("is named as far as that tells anything, without its query", async () => {
    const response = await ask(`GET /${"x".repeat(1_000)}?api_key=secret`);
    const { error } = apiErrorSchema.parse(await response.json());
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain("secret");
  });
});

test("what speaks WebSocket says so as the OpenAI API says things", async () => {
  const response = await ask("GET /ws/stream/mine");
  const { error } = apiErrorSchema.parse(await response.json());
  expect([response.status, error.code]).toEqual([426, "upgrade_required"]);
  expect(response.headers.get("x-should-retry")).toBe("false");
});

test("figures that cannot be read are a failure that passes", async () => {
  readStats = () => Promise.reject(new Error("away"));
  const response = await ask("GET /stats");
  const { error } = apiErrorSchema.parse(await response.json());
  expect([response.status, error.code]).toEqual([503, "unavailable"]);
  expect(response.headers.get("retry-after")).toBe("1");
});

test("every reply can be named, and each has a name of its own", async () => {
  readStats = async () => ({});
  const requests = [
    ...["GET /health", "HEAD /health", "GET /stats", "GET /openapi.json", "GET /v1/models"],
    ...["GET /v1/models/none", "GET /nothing", "HEAD /nothing", "GET /ws/stream"],
  ];
  const ids = new Set<string | null>();
  for (const request of requests) {
    const id = (await ask(request)).headers.get("x-request-id");
    expect(id, request).toMatch(/^[0-9a-f-]{36}$/);
    ids.add(id);
  }
  expect(ids.size).toBe(requests.length);
});
