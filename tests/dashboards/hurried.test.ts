import { expect, test } from "vitest";
import { selectorsOf } from "../rules/promql.ts";
import { readRules, ruleFiles } from "../rules/rule-files.ts";
import { hurried } from "./hurried.ts";

test("a minute becomes a second, wherever a rule says how long or how many", () => {
  expect(hurried("interval: 1m\nexpr: avg_over_time(x:rate5m[1d])\nfor: 15s")).toBe(
    "interval: 1000ms\nexpr: avg_over_time(x:rate5m[1440000ms])\nfor: 250ms",
  );
  expect(hurried("sum_over_time(x:rate5m[1h:1m]) / 60 unless y offset 2m")).toBe(
    "sum_over_time(x:rate5m[60000ms:1000ms]) / 60 unless y offset 2000ms",
  );
  expect(hurried("sum(x:rate5m) * 300 > 10")).toBe("sum(x:rate5m) * 5 > 10");
});

test("the rules ask for the same as before, and for no minute, hour or day", () => {
  const whole = ruleFiles().map(hurried).join("\n");
  expect(whole).not.toMatch(/\[[\w:]*\d[mhd]\b|(for:|interval:|offset) \d+[mhd]\b/);
  for (const { expr } of readRules()) expect(selectorsOf(hurried(expr))).toEqual(selectorsOf(expr));
});
