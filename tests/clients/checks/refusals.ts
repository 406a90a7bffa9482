/** Requests that are refused as a whole: what the client's user is told, and whether it was tried again. */
import { answerFor, type Directive, directive } from "@openclaw/simulator";
import { expect } from "vitest";
import type { Bench, Check } from "../bench.ts";
import type { ChatClient, Question, Refusal } from "../chat-client.ts";
import type { Account } from "../world.ts";

/** What the client's user is told of a request that fails. */
export async function refusal(
  client: ChatClient,
  question: Question,
  way: "stream" | "whole",
): Promise<Refusal> {
  const failed = await client[way](question).then(
    (answer) => {
      throw new Error(`answered with finish reason ${answer.finish} instead of an error`);
    },
    (error: unknown) => error,
  );
  return client.refusalOf(failed);
}

interface Expected {
  readonly status: number;
  readonly code: string;
}

function toldTo({ speaksHttp }: Bench, { status, code }: Expected): Partial<Refusal> {
  return { status: speaksHttp ? status : undefined, code };
}

/** Told at once, streamed or not: to ask again would not help, so no library does. */
async function expectFinal(bench: Bench, question: Question, expected: Expected): Promise<Refusal> {
  const client = bench.client();
  const told = toldTo(bench, expected);
  expect(await refusal(client, question, "stream")).toMatchObject(told);
  const whole = await refusal(client, question, "whole");
  expect(whole).toMatchObject(told);
  bench.expectStatuses(expected.status, expected.status);
  return whole;
}

function final(
  ask: (bench: Bench) => Question,
  expected: Expected & { readonly message: RegExp },
): Check {
  return async (bench) => {
    const { message, ...fields } = expected;
    const told = await expectFinal(bench, ask(bench), fields);
    expect(told.message).toMatch(message);
  };
}

/** Tried again once by a library that does so, as it was told it may, then told. */
function retried(account: Account, fault: Directive, expected: Expected): Check {
  return async (bench) => {
    const question = bench.question({ text: "never", ...fault }, { account });
    const told = await refusal(bench.client({ maxRetries: 1 }), question, "stream");
    expect(told).toMatchObject(toldTo(bench, expected));
    bench.expectStatuses(expected.status, expected.status);
    expectPatience(bench);
  };
}

/** Where the answer said when to come back, the client came no sooner. */
function expectPatience({ wire }: Bench): void {
  const retryAfterMs = wire.exchanges[0]?.retryAfterMs;
  // A timer may be a moment early.
  if (retryAfterMs !== undefined) expect(wire.pauseMs).toBeGreaterThan(retryAfterMs - 20);
}

const UNPAID = [{ text: "x", status: 402 }, { account: "unpaid" }] as const;
const NO_QUOTA = { status: 429, code: "insufficient_quota" };

const quota: Check = async (bench) => {
  const client = bench.client({ maxRetries: 0 });
  const told = await refusal(client, bench.question(...UNPAID), "stream");
  expect(told).toMatchObject(toldTo(bench, NO_QUOTA));
};

const rateLimit: Check = async (bench) => {
  const prompt = directive({ words: 20, seed: bench.world.nextSeed() });
  const answer = await bench.client().stream(bench.question(prompt, { account: "limited" }));
  expect(answer.text).toBe(answerFor({ prompt }));
  bench.expectStatuses(429, 200);
  expect(bench.wire.exchanges[0]?.retryAfterMs).toBeGreaterThan(0);
  expectPatience(bench);
};

const overloaded: Check = async (bench) => {
  await retried(
    "overloaded",
    { status: 503, retryAfterS: 1 },
    { status: 503, code: "provider_overloaded" },
  )(bench);
  if (bench.speaksHttp) expect(bench.wire.exchanges[0]?.retryAfterMs).toBeGreaterThan(0);
};

const wrongKey: Check = async (bench) => {
  const client = bench.client({ apiKey: "another-key-than-that" });
  const told = toldTo(bench, { status: 401, code: "invalid_api_key" });
  expect(await refusal(client, bench.question("who?"), "stream")).toMatchObject(told);
  expect(await refusal(client, bench.question("who?"), "whole")).toMatchObject(told);
  bench.expectStatuses(401, 401);
};

const strayed: Check = async (bench) => {
  const client = bench.client({ baseUrl: bench.world.baseUrl.replace(/\/v1$/, "") });
  for (const way of ["stream", "whole"] as const) {
    const told = await refusal(client, bench.question("who?"), way);
    expect(told).toMatchObject({ status: 404, code: "unknown_url" });
    expect(told.message).toContain("base URL of an OpenAI client ends in `/v1`");
  }
  bench.expectStatuses(404, 404);
};

export const REFUSALS = {
  "400 invalid request": final((bench) => bench.question("too warm", { temperature: 3 }), {
    status: 400,
    code: "invalid_request",
    message: /temperature` must be at most 2/,
  }),
  "401 wrong key": wrongKey,
  "404 unknown model": final((bench) => bench.question("who?", { model: "gpt-9" }), {
    status: 404,
    code: "model_not_found",
    message: /`gpt-9` does not exist|No provider has that name/,
  }),
  "404 base URL without its end": strayed,
  "413 too long": final((bench) => bench.question("x".repeat(600_000)), {
    status: 413,
    code: "message_too_long",
    message: /524288/,
  }),
  context_length_exceeded: final(
    (bench) => bench.question({ text: "x", status: 400, errorCode: "context_length_exceeded" }),
    { status: 400, code: "context_length_exceeded", message: /too long/ },
  ),
  "content filter, before the answer": final(
    (bench) => bench.question({ text: "x", status: 451 }),
    { status: 400, code: "content_filter", message: /filter/ },
  ),
  "429 quota": quota,
  "429 quota, not retried": final((bench) => bench.question(...UNPAID), {
    ...NO_QUOTA,
    message: /quota/,
  }),
  "429 rate limit, retried when it says": rateLimit,
  "502, told": retried("well", { cutAfter: 0 }, { status: 502, code: "provider_cut" }),
  "503, told": overloaded,
  "504, told": retried("strict", { hang: true }, { status: 504, code: "first_token_timeout" }),
} satisfies Record<string, Check>;
