import { expect, test } from "vitest";
import { History } from "./history.ts";
import { Purchases } from "./purchases.ts";

const PROMPT = 'sim:{"words":3}';

/** How many askings of one answer pass, when this fault comes between any two of them. */
function allowedUnder(fault?: string): number {
  const history = new History();
  const purchases = new Purchases(history);
  for (let asked = 1; ; asked += 1) {
    purchases.began(PROMPT, "zhipu");
    if (history.violations.length > 0 || asked > 20) return asked - 1;
    if (fault) history.fault(fault);
  }
}

test("an answer may be bought twice, and once more for each of four lost workers", () => {
  expect(allowedUnder()).toBe(2);
  expect(allowedUnder("SIGKILL worker")).toBe(6);
});

test("an answer may be bought once more for each worker that leaves in an orderly way", () => {
  expect(allowedUnder("SIGTERM worker")).toBeGreaterThan(20 - 1);
  expect(allowedUnder("SIGTERM edge")).toBe(2);
});
