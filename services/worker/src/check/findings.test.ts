import { parseGatewayConfig } from "@openclaw/config";
import { describe, expect, test } from "vitest";
import { findingsOf } from "./findings.ts";
import { type Answer, isStreamed, verdictOf } from "./report.ts";

const { targets } = parseGatewayConfig(
  { providers: { any: { kind: "openai", baseUrl: "http://127.0.0.1:1", model: "m" } } },
  { source: "a test", env: {} },
);

const answer = (rest: Partial<Answer> = {}): Answer => ({
  connection: "cold",
  firstTokenMs: 100,
  firstTextMs: 100,
  fullMs: 500,
  pieces: 20,
  streamedMs: 400,
  ...rest,
});
const warm = (rest: Partial<Answer> = {}) => answer({ connection: "warm", ...rest });

const codesOf = (answers: Parameters<typeof findingsOf>[0], region: "domestic" | "overseas") =>
  findingsOf(answers, { region, targets }).map(({ code }) => code);

describe("the targets of its region", () => {
  test("cold counts against the cold target, warm against the warm one", () => {
    const at = (firstTextMs: number) => ({ firstTokenMs: firstTextMs, firstTextMs, fullMs: 4_500 });
    expect(codesOf({ cold: answer(at(4_000)), warm: warm(at(2_900)) }, "overseas")).toEqual([]);
    const [finding, ...others] = findingsOf(
      { cold: answer(at(4_000)), warm: warm(at(3_100)) },
      { region: "overseas", targets },
    );
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: "fail",
      message: "The first text took 3.1 s on a warm connection; the target is 3 s.",
      action: expect.stringContaining("`targets.overseasWarm.firstTextMs`"),
    });
  });

  test("exactly on the target is met, the whole answer has one of its own", () => {
    const cold = answer({ firstTextMs: 1_000, fullMs: 3_000 });
    expect(codesOf({ cold }, "domestic")).toEqual([]);
    const late = findingsOf({ cold: { ...cold, fullMs: 3_001 } }, { region: "domestic", targets });
    expect(late.map(({ action }) => action)).toEqual([
      expect.stringContaining("`targets.domestic.fullMs`"),
    ]);
  });

  test("one target that both miss is one finding", () => {
    const slow = { firstTokenMs: 1_200, firstTextMs: 1_200, fullMs: 2_000 };
    const findings = findingsOf(
      { cold: answer(slow), warm: warm(slow) },
      { region: "domestic", targets },
    );
    expect(findings.map(({ message }) => message)).toEqual([
      "The first text took 1.2 s on a cold connection and 1.2 s on a warm connection; the target is 1 s.",
    ]);
  });
});

describe("whether it streams", () => {
  test.each([
    [20, 400, true],
    [20, 3, false],
    [1, 0, false],
  ])("%d pieces over %d ms: %s", (pieces, streamedMs, expected) => {
    expect(isStreamed(answer({ pieces, streamedMs }))).toBe(expected);
  });

  test("one answer that streamed is enough, none is a warning and no failure", () => {
    const lump = { pieces: 20, streamedMs: 1 };
    expect(codesOf({ cold: answer(lump), warm: warm() }, "domestic")).toEqual([]);
    const findings = findingsOf(
      { cold: answer(lump), warm: warm(lump) },
      { region: "domestic", targets },
    );
    expect(findings.map(({ code }) => code)).toEqual(["one_lump"]);
    expect(verdictOf(findings)).toBe("warn");
  });
});

test("a warm question that found no open connection is a warning", () => {
  expect(codesOf({ cold: answer(), warm: answer() }, "domestic")).toEqual(["never_warm"]);
});

test("an answer of nothing but reasoning is a warning, and as late as its reasoning at least", () => {
  const { firstTextMs: _, ...thought } = answer({ firstTokenMs: 1_500 });
  expect(codesOf({ cold: thought, warm: warm() }, "domestic")).toEqual([
    "target_missed",
    "reasoning_only",
  ]);
});

test("without an answer there is nothing to findingsOf", () => {
  expect(findingsOf({}, { region: "domestic", targets })).toEqual([]);
  expect(verdictOf([])).toBe("ok");
});
