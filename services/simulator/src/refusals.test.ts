import { expect, test } from "vitest";
import { directive } from "./directive.ts";
import { ask, eventsIn, post, startSimulator } from "./testing/wire.ts";

const STATUSES = [400, 401, 402, 403, 404, 410, 429, 451, 500, 502, 503, 504];

/** For each profile, what every error body of it looks like, and where it differs by status. */
const ENVELOPES: Readonly<Record<string, (status: number) => unknown>> = {
  openai: () => ({ error: { message: expect.any(String), type: expect.any(String), param: null } }),
  zhipu: () => ({
    error: { code: expect.stringMatching(/^\d+$/), message: expect.stringMatching(/[。]$/) },
  }),
  hunyuan: (status) => ({
    error: {
      code: expect.stringMatching(new RegExp(`^${status}00[1-9]$|^401007$`)),
      source: status === 500 ? "gateway" : status > 500 ? "upstream" : "client",
      request_id: expect.any(String),
    },
  }),
  nvidia2: (status) =>
    status === 400 || status >= 500
      ? { error: { message: expect.any(String), code: status } }
      : { title: expect.any(String), status },
};

test.each(Object.keys(ENVELOPES))(
  "%s refuses with each status in its own envelope",
  async (profile) => {
    const simulator = await startSimulator();
    for (const status of STATUSES) {
      if (profile === "nvidia2" && (status === 502 || status === 504)) continue;
      const response = await ask({ simulator, profile, prompt: directive({ status }) });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject(Object(ENVELOPES[profile]?.(status)));
    }
    expect(simulator.stats().profiles[profile]?.refused).toBeGreaterThanOrEqual(10);
  },
);

test("nvidia's 502 is a page, its 504 is empty, and its 429 has neither detail nor Retry-After", async () => {
  const simulator = await startSimulator();
  const refused = (status: number) =>
    ask({ simulator, profile: "nvidia1", prompt: directive({ status }) });
  const page = await refused(502);
  expect(page.headers.get("content-type")).toBe("text/html");
  const late = await refused(504);
  expect(late.headers.get("nvcf-status")).toBe("errored");
  expect(await late.text()).toBe("");
  const limited = await refused(429);
  expect(limited.headers.get("content-type")).toBe("application/problem+json");
  expect(limited.headers.has("retry-after")).toBe(false);
  expect(await limited.json()).not.toHaveProperty("detail");
});

test("a directive may bring its own body and content type", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ status: 418, body: "<p>no</p>", contentType: "text/html" });
  const response = await ask({ simulator, profile: "zhipu", prompt });
  expect(response.status).toBe(418);
  expect(response.headers.get("content-type")).toBe("text/html");
  expect(await response.text()).toBe("<p>no</p>");
});

test.each(["nvidia1", "zhipu", "hunyuan", "openai"])(
  "%s refuses a bad request, model, key and path",
  async (profile) => {
    const simulator = await startSimulator();
    const url = `${simulator.url}/${profile}/v1/chat/completions`;
    const messages = [{ role: "user", content: "hi" }];
    expect((await post(url, { model: "m" })).status).toBe(400);
    expect((await post(url, { model: "m", messages: [] })).status).toBe(400);
    const nameless = await post(url, { messages });
    expect(nameless.status).toBe(400);
    expect(await nameless.text()).toContain("model:");
    expect((await post(url, { model: "missing-model", messages })).status).toBe(404);
    expect((await fetch(url, { method: "POST", body: "{" })).status).toBe(400);
    const headers = { authorization: "Bearer bad-key" };
    expect((await fetch(url, { method: "POST", headers, body: "{}" })).status).toBe(401);
    const lost = await fetch(`${simulator.url}/${profile}/v2/nothing`);
    expect(lost.status).toBe(404);
    expect(await lost.text()).toContain("GET /");
  },
);

test("a malformed directive is refused in words", async () => {
  const simulator = await startSimulator();
  const response = await ask({ simulator, prompt: 'sim:{"wrods":3}' });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("wrods");
});

test.each([
  ["nvidia1", { error: { type: "internal_server_error", code: 500 } }],
  ["zhipu", { error: { code: "1302" } }],
  ["hunyuan", { error: { code: "502001" } }],
  ["openai", { error: { type: "server_error" } }],
])("%s can fail inside a stream that began with 200", async (profile, error) => {
  const simulator = await startSimulator();
  const response = await ask({ simulator, profile, prompt: directive({ errorAfter: 0 }) });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const body = await response.text();
  const [first = "", ...rest] = eventsIn(body);
  expect(JSON.parse(first)).toMatchObject(error);
  expect(rest).toEqual(["[DONE]"]);
  expect(body.startsWith("event: error\n")).toBe(profile === "zhipu");
});
