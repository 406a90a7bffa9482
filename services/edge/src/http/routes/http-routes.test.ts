/** The replies of an edge to unknown addresses and wrong methods. */
import { apiErrorSchema } from "@openclaw/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestServer } from "../../testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.open({});
});

afterAll(() => server.close());

function ask(request: string, body?: string): Promise<Response> {
  const [method = "", path = ""] = request.split(" ");
  return fetch(server.url + path, { method, ...(body !== undefined && { body }) });
}

describe("an unknown address", () => {
  test.each([
    "POST /chat/completions",
    "GET /models",
    "POST /v1/responses",
    "POST /v1/chat/completions/chat/completions",
    "PUT /v1/models",
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

  test("is named up to a length, without its query", async () => {
    const response = await ask(`GET /${"x".repeat(1_000)}?api_key=secret`);
    const { error } = apiErrorSchema.parse(await response.json());
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).not.toContain("secret");
  });
});

test("an address of WebSockets refuses in the shape of the OpenAI API", async () => {
  const response = await ask("GET /ws/stream/mine");
  const { error } = apiErrorSchema.parse(await response.json());
  expect([response.status, error.code]).toEqual([426, "upgrade_required"]);
  expect(response.headers.get("x-should-retry")).toBe("false");
});

test("figures that cannot be read are a retryable failure", async () => {
  server.readStats = () => Promise.reject(new Error("away"));
  const response = await ask("GET /stats");
  const { error } = apiErrorSchema.parse(await response.json());
  expect([response.status, error.code]).toEqual([503, "unavailable"]);
  expect(response.headers.get("retry-after")).toBe("1");
});

test("notes for the operator are no reason not to serve", async () => {
  const health = async () => {
    const response = await ask("GET /health");
    return [response.status, await response.json()];
  };
  expect(await health()).toEqual([200, { status: "ok", reasons: [] }]);
  server.notes = ["too few places"];
  const told = { status: "ok", reasons: [], notes: ["too few places"] };
  expect(await health()).toEqual([200, told]);
});

test("every reply has an id of its own", async () => {
  server.readStats = async () => ({});
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
