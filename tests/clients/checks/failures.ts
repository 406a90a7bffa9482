/** Providers that fail before or in the middle of an answer: no client is given half of one for a whole. */
import { answerFor, type Directive, directive } from "@openclaw/simulator";
import { expect } from "vitest";
import type { Bench, Check } from "../bench.ts";
import type { Account } from "../world.ts";
import { refusal } from "./refusals.ts";

/** Of the accounts that are asked first; those that stand in have other profiles. */
const FAULTY = ["openai"];

const unseen: Check = async (bench) => {
  const seed = bench.world.nextSeed();
  const prompt = directive({ words: 30, seed, status: 500, faultOn: FAULTY });
  const { text } = await bench.client().stream(bench.question(prompt, { account: "covered" }));
  expect(text).toBe(answerFor({ prompt }));
  bench.expectStatuses(200);
};

const continued: Check = async (bench) => {
  const seed = bench.world.nextSeed();
  const prompt = directive({ words: 60, seed, gapMs: 5, cutAfter: 30, faultOn: FAULTY });
  const pieces: string[] = [];
  const onText = (text: string) => pieces.push(text);
  const question = bench.question(prompt, { account: "covered" });
  const { text, finish } = await bench.client().stream(question, { onText });
  expect({ text, finish }).toEqual({ text: answerFor({ prompt }), finish: "stop" });
  expect(pieces.join("")).toBe(text);
  bench.expectStatuses(200);
};

/** Fails with this code, behind the beginning of what the first attempt said. */
async function expectTold(
  bench: Bench,
  { account, code, ...fault }: Directive & { readonly account: Account; readonly code: string },
): Promise<void> {
  const prompt = directive({ words: 60, gapMs: 5, faultOn: FAULTY, ...fault });
  const client = bench.client();
  let shown = "";
  const onText = (text: string) => {
    shown += text;
  };
  const told = await client.stream(bench.question(prompt, { account }), { onText }).then(
    ({ finish }) => {
      throw new Error(`a broken answer was taken for a whole one, with finish reason ${finish}`);
    },
    (error: unknown) => client.refusalOf(error),
  );
  expect(told).toMatchObject({ status: undefined, code });
  const said = answerFor({ prompt, profile: "openai" });
  expect(shown).not.toBe("");
  expect(said.startsWith(shown)).toBe(true);
  // Shown text cannot be taken back, so neither library nor gateway may ask again.
  bench.expectStatuses(200);
}

const whole: Check = async (bench) => {
  const prompt = directive({ words: 60, gapMs: 5, cutAfter: 30, faultOn: FAULTY });
  const { text } = await bench.client().whole(bench.question(prompt, { account: "unlike" }));
  expect(text).toBe(answerFor({ prompt, profile: "zhipu" }));
};

const filtered: Check = async (bench) => {
  const text = "I would rather not";
  const answer = await bench.client().stream(bench.question({ text, finish: "content_filter" }));
  expect(answer).toMatchObject({ text, finish: "content_filter" });
};

const stalledWhole: Check = async (bench) => {
  const question = bench.question({ words: 60, stallAfter: 10 }, { account: "strict" });
  const told = await refusal(bench.client({ maxRetries: 0 }), question, "whole");
  const status = bench.speaksHttp ? 504 : undefined;
  expect(told).toMatchObject({ status, code: "provider_stalled" });
};

const lost: Check = async (bench) => {
  const { baseUrl, proxy } = await bench.world.network();
  const prompt = directive({ words: 5_000, seed: bench.world.nextSeed(), gapMs: 20 });
  let shown = "";
  const onText = (text: string) => {
    if (shown === "") void proxy.stop();
    shown += text;
  };
  const answer = bench.client({ baseUrl }).stream(bench.question(prompt), { onText });
  await expect(answer).rejects.toThrow();
  expect(answerFor({ prompt }).startsWith(shown)).toBe(true);
  bench.expectStatuses(200);
};

export const FAILURES = {
  "content filter, in the answer": filtered,
  "provider fails before the answer: unseen": unseen,
  "provider fails in the answer: continued": continued,
  "provider fails in the answer: told": (bench) =>
    expectTold(bench, { account: "unlike", cutAfter: 30, code: "interrupted" }),
  "provider fails in the answer: another one, whole": whole,
  "provider stalls in the answer: told": (bench) =>
    expectTold(bench, { account: "strict", stallAfter: 10, code: "provider_stalled" }),
  "provider stalls in the answer: 504, whole": stalledWhole,
  "connection lost in the answer: told": lost,
} satisfies Record<string, Check>;
