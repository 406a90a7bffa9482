/**
 * The replies to pages of the gateway's own origin and of other origins, on every route and over WebSocket.
 */
import { once } from "node:events";
import { request } from "node:http";
import { apiErrorSchema } from "@openclaw/protocol";
import { test as base, describe, expect } from "vitest";
import { WebSocket } from "ws";
import { TestServer, type TestServerOptions } from "../../testing/test-server.ts";

type Asked = Record<string, string>;

const LISTED = "https://app.example.com";
const FOREIGN = "https://evil.example";
const KEY = "a-key-of-some-length";
const origins = { allowed: [LISTED] };
/** The headers of browsers for pages that a gateway without keys must refuse. */
const UNWANTED: readonly Asked[] = [
  { origin: FOREIGN },
  { origin: "null" },
  { "sec-fetch-site": "cross-site" },
  { host: "evil.example:8001" },
];
const ROUTES = [
  ...["GET /health", "HEAD /health", "GET /stats", "GET /openapi.json", "GET /v1/models"],
  ...["GET /v1/models/none", "GET /nothing", "HEAD /nothing", "DELETE /v1/runs/x"],
  ...["GET /ws/stream", "POST /v1/responses", "GET /"],
];

const test = base.extend("open", ({ onTestFinished }) => async (options: TestServerOptions) => {
  const server = await TestServer.open(options);
  onTestFinished(() => server.close());
  return server;
});

/** Asks as a browser would; `fetch` does not let a program write these headers. */
async function ask(server: TestServer, route: string, headers: Asked = {}, sent?: Buffer) {
  const [method = "", path = ""] = route.split(" ");
  const asked = request({ port: server.port, host: "127.0.0.1", method, path, headers });
  asked.end(sent);
  const [[response]] = await Promise.all([once(asked, "response"), once(asked, "finish")]);
  const body = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode as number, headers: response.headers, body };
}

const corsOf = (headers: Record<string, unknown>) =>
  Object.keys(headers).filter((name) => name.startsWith("access-control-"));

describe("on every route", () => {
  test("a listed origin may read the reply, its headers, and refusals", async ({ open }) => {
    const server = await open({ origins });
    for (const origin of [LISTED, "http://localhost:3000"]) {
      for (const route of ROUTES) {
        const { headers, status } = await ask(server, route, { origin });
        expect(status, route).not.toBe(403);
        expect(headers, route).toMatchObject({
          "access-control-allow-origin": origin,
          "access-control-allow-credentials": "true",
          vary: "Origin",
        });
        const exposed = String(headers["access-control-expose-headers"]).split(", ");
        for (const name of ["x-request-id", "retry-after", "retry-after-ms", "x-should-retry"]) {
          expect(exposed).toContain(name);
        }
        expect(exposed.filter((name) => name.includes("ratelimit")).length).toBeGreaterThan(0);
      }
    }
    expect(server.refused).toEqual([]);
  });

  test("without keys another origin is refused, and cannot read the refusal", async ({ open }) => {
    const server = await open({ origins });
    for (const asked of UNWANTED) {
      for (const route of [...ROUTES, "OPTIONS /v1/models"]) {
        const { headers, status, body } = await ask(server, route, asked);
        expect([status, corsOf(headers), headers.vary], route).toEqual([403, [], "Origin"]);
        if (route.startsWith("HEAD")) continue;
        const { error } = apiErrorSchema.parse(JSON.parse(body));
        expect(error.code).toBe("origin_not_allowed");
        expect(error.message).toMatch(/EDGE_ALLOWED_ORIGINS.*EDGE_PUBLIC_URL/);
      }
    }
    expect(new Set(server.refused)).toEqual(new Set(["origin_not_allowed"]));
  });

  test("a refused request gets its reason, whatever the length of its body", async ({ open }) => {
    const server = await open({});
    for (const bytes of [1_000, 100_000, 5_000_000]) {
      const asked = { origin: FOREIGN, "content-length": String(bytes) };
      const { status } = await ask(server, "POST /v1/runs", asked, Buffer.alloc(bytes, "x"));
      expect(status).toBe(403);
    }
  });

  test("with keys another origin needs a key, and may not read the reply", async ({ open }) => {
    const server = await open({ keys: [KEY], origins });
    const authorization = `Bearer ${KEY}`;
    for (const origin of [FOREIGN, "null"]) {
      const known = await ask(server, "GET /stats", { origin, authorization });
      expect([known.status, corsOf(known.headers), known.headers.vary]).toEqual([
        200,
        [],
        "Origin",
      ]);
      const unknown = await ask(server, "GET /stats", { origin });
      expect([unknown.status, corsOf(unknown.headers)]).toEqual([401, []]);
    }
    // A page of the gateway's own can tell that its key is wrong.
    const own = await ask(server, "GET /stats", { origin: LISTED });
    expect([own.status, own.headers["access-control-allow-origin"]]).toEqual([401, LISTED]);
  });

  test("`*` lets every page read, and none with the user's cookies", async ({ open }) => {
    const server = await open({ origins: { allowed: ["*"] } });
    for (const origin of [FOREIGN, LISTED, "null"]) {
      const { status, headers } = await ask(server, "GET /stats", { origin });
      expect([status, headers["access-control-allow-origin"]]).toEqual([200, "*"]);
      expect(headers).not.toHaveProperty("access-control-allow-credentials");
    }
  });

  test("a program, which sends no origin, is served without CORS headers", async ({ open }) => {
    for (const options of [{}, { keys: [KEY] }]) {
      const server = await open(options);
      const asked = await ask(server, "GET /stats", { authorization: `Bearer ${KEY}` });
      expect([asked.status, corsOf(asked.headers), asked.headers.vary]).toEqual([
        200,
        [],
        "Origin",
      ]);
    }
  });
});

describe("a preflight of a browser", () => {
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, x-stainless-os, bad(name",
  };

  test.each(["/v1/chat/completions", "/v1/runs/x/events", "/health", "/nothing", "/ws/stream/x"])(
    "%s: needs no key, and gets the allowed methods and headers",
    async (path) => {
      const server = await TestServer.open({ keys: [KEY], origins });
      const asked = { origin: LISTED, ...preflight };
      const { status, headers, body } = await ask(server, `OPTIONS ${path}`, asked);
      server.close();
      expect([status, body]).toEqual([204, ""]);
      expect(headers).toMatchObject({
        "access-control-allow-origin": LISTED,
        "access-control-allow-methods": expect.stringMatching(/GET.*POST.*DELETE/),
        vary: "Origin, Access-Control-Request-Headers",
      });
      const accepted = String(headers["access-control-allow-headers"]).split(", ");
      expect(accepted).toEqual(expect.arrayContaining(["authorization", "content-type"]));
      expect(accepted).toEqual(expect.arrayContaining(["last-event-id", "x-stainless-os"]));
      expect(accepted).not.toContain("bad(name");
    },
  );

  test("of another origin gets no CORS headers, and of a program gets only `vary`", async ({
    open,
  }) => {
    const server = await open({ keys: [KEY], origins });
    for (const asked of [{ origin: FOREIGN, ...preflight }, {}]) {
      const { status, headers } = await ask(server, "OPTIONS /v1/chat/completions", asked);
      expect([status, corsOf(headers), headers.vary]).toEqual([204, [], "Origin"]);
    }
  });
});

describe("a WebSocket", () => {
  async function outcome(server: TestServer, headers: Asked, query = "") {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/stream/mine${query}`, {
      headers,
    });
    const opened = once(socket, "open").then(() => "opened");
    const refused = once(socket, "unexpected-response").then(async ([, response]) => {
      const body = JSON.parse(Buffer.concat(await response.toArray()).toString());
      return `${response.statusCode} ${body.code} ${body.message}`;
    });
    const result = await Promise.race([opened, refused]);
    socket.on("error", () => undefined).terminate();
    return result;
  }

  test("of another origin or by another name is refused without keys", async ({ open }) => {
    const server = await open({ origins });
    for (const asked of UNWANTED) {
      expect(await outcome(server, asked)).toMatch(
        /^403 origin_not_allowed .*EDGE_ALLOWED_ORIGINS.*EDGE_PUBLIC_URL/,
      );
    }
    for (const origin of [undefined, LISTED, "http://127.0.0.1:9"]) {
      const asked: Asked = origin === undefined ? {} : { origin };
      expect(await outcome(server, asked)).toBe("opened");
    }
  });

  test("of another origin opens with a key, and not without a key", async ({ open }) => {
    const server = await open({ keys: [KEY], origins });
    expect(await outcome(server, { origin: FOREIGN }, `?api_key=${KEY}`)).toBe("opened");
    expect(await outcome(server, { origin: FOREIGN })).toMatch(/^401 invalid_api_key/);
  });
});
