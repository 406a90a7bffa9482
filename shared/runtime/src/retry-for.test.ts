import { expect, test } from "vitest";
import { retryFor } from "./retry-for.ts";

test("answers what the first successful try gives", async () => {
  let tries = 0;
  const answer = await retryFor(async () => {
    tries += 1;
    if (tries < 3) throw new Error("not yet");
    return tries;
  }, 1_000);
  expect(answer).toBe(3);
});

test("gives up in time, with the last error", async () => {
  const startedAt = performance.now();
  let tries = 0;
  await expect(
    retryFor(async () => {
      tries += 1;
      throw new Error(`try ${tries}`);
    }, 1_000),
  ).rejects.toThrow(/try [3-9]/);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("does not repeat what is no outage: it would be the same the next time", async () => {
  let tries = 0;
  const operation = async () => {
    tries += 1;
    throw new TypeError("wrong");
  };
  await expect(retryFor(operation, 60_000)).rejects.toThrow("wrong");
  expect(tries).toBe(1);
});
