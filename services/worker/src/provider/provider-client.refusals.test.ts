/** What one refused request does to the runs of others. */
import { describe, expect, test } from "vitest";
import { client, errorOf, provider } from "../testing/asking.ts";
import { beginStream } from "../testing/fake-provider.ts";
import { effectOf } from "./health/failure-policy.ts";

const NOTHING = { slowsDown: false, counts: false };
const SLOWER = { slowsDown: true, counts: false };
const FULL = { slowsDown: true, counts: true };
const BROKEN = { slowsDown: false, counts: true };
const FIELD = "too many requests: service unavailable, insufficient balance";
const MESSAGE = `Is "rate limit" the same as 'at capacity'?\nMy account is suspended.`;

async function refuse(status: number, body: unknown, kind: string) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const fake = await provider((_request, response) => {
    if (status !== 200) return void response.writeHead(status).end(text);
    beginStream(response, `data: ${text}\n\n`);
    response.end();
  });
  const asked = (await client(fake.url, { kind })).stream(
    { messages: [{ role: "user", content: MESSAGE }], extra: { top_k: FIELD } },
    { signal: new AbortController().signal },
  );
  const { code, codeWithoutText } = await errorOf(readAll(asked));
  return [code, effectOf(code, codeWithoutText)] as const;
}

async function readAll(asked: AsyncIterable<unknown>): Promise<void> {
  for await (const event of asked) void event;
}

const say = (message: string, more: object = {}) => ({ error: { message, ...more } });

describe("a request that is quoted in its refusal is refused, and that is all", () => {
  test.each([
    [400, say(`[{'type': 'int_parsing', 'loc': ('body', 'top_k'), 'input': '${FIELD}'}]`)],
    [422, { detail: `top_k: ${FIELD} is not an integer` }],
    [400, say(`not for us: ${JSON.stringify(MESSAGE)}`)],
    [424, say(`not for us: '${MESSAGE.replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`)],
    [200, say(`[{'input': '${FIELD}'}]`, { code: 400 })],
    [200, say(JSON.stringify(say(`not for us: ${MESSAGE}`)), { type: "invalid_request_error" })],
  ])("%i %j", async (status, body) => {
    const code = status === 424 ? "provider_error" : "provider_rejected";
    const effect = status === 424 ? BROKEN : NOTHING;
    expect(await refuse(status, body, "openai")).toEqual([code, effect]);
  });
});

test.each([
  // By the status, whatever is said.
  [429, say("no"), "openai", "provider_rate_limited", SLOWER],
  [503, say("no"), "openai", "provider_overloaded", FULL],
  [529, say("prompt in too many words"), "openai", "provider_overloaded", FULL],
  [500, say("no"), "openai", "provider_error", BROKEN],
  // By words alone, which may be quoted from the request.
  [400, say("rate limit reached"), "openai", "provider_rate_limited", NOTHING],
  [403, say("too many requests"), "openai", "provider_rate_limited", NOTHING],
  [400, say("we are overloaded"), "openai", "provider_overloaded", NOTHING],
  [404, say("the model is currently unavailable"), "openai", "provider_overloaded", NOTHING],
  [400, say("x", { code: "rate_limit_exceeded" }), "openai", "provider_rate_limited", NOTHING],
  [400, say("DEGRADED function cannot be invoked"), "nvidia", "provider_overloaded", NOTHING],
  [422, say("ResourceExhausted"), "nvidia", "provider_overloaded", NOTHING],
  [500, say("ResourceExhausted: full"), "nvidia", "provider_overloaded", BROKEN],
  [400, say("insufficient balance"), "openai", "provider_quota", NOTHING],
  [400, say("invalid api key"), "openai", "provider_auth", NOTHING],
  // Within a stream by the names of errors.
  [200, say("x", { code: 429 }), "openai", "provider_rate_limited", SLOWER],
  [200, say("x", { type: "overloaded_error" }), "openai", "provider_overloaded", FULL],
  [200, say("x", { status: "RESOURCE_EXHAUSTED" }), "openai", "provider_rate_limited", SLOWER],
  [200, say("x", { code: "rate_limit_exceeded" }), "openai", "provider_rate_limited", SLOWER],
  [200, say("ResourceExhausted: full", { code: 500 }), "nvidia", "provider_overloaded", FULL],
  [200, say("there were too many requests"), "openai", "provider_rate_limited", NOTHING],
  [200, say("for now overloaded"), "openai", "provider_overloaded", BROKEN],
] as const)("%i %j of %s", async (status, body, kind, code, effect) => {
  expect(await refuse(status, body, kind)).toEqual([code, effect]);
});
