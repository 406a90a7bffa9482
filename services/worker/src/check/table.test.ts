import { parseGatewayConfig } from "@openclaw/config";
import { expect, test } from "vitest";
import type { ProviderReport } from "./report.ts";
import { jsonOf, summaryOf } from "./summary.ts";
import { notesOf, tableOf } from "./table.ts";

const { targets } = parseGatewayConfig(
  { providers: { any: { kind: "openai", baseUrl: "http://127.0.0.1:1", model: "m" } } },
  { source: "a test", env: {} },
);

const times = { fullMs: 2_311.4, pieces: 30, streamedMs: 1_000 };
const FINE: ProviderReport = {
  ...{ name: "nvidia1", kind: "nvidia", model: "m", region: "overseas", simulated: false },
  verdict: "ok",
  connection: { host: "integrate.example:443", stepMs: { dns: 12.4, tcp: 180.2, tls: 0.3 } },
  keyAccepted: true,
  modelServed: true,
  answers: {
    cold: { connection: "cold", firstTokenMs: 1_204.26, firstTextMs: 1_204.26, ...times },
    warm: { connection: "warm", firstTokenMs: 811.6, firstTextMs: 811.6, ...times },
  },
  requests: 2,
  findings: [],
};
const DEAD: ProviderReport = {
  ...{ name: "a-name-of-thirty-two-characters", kind: "openai", model: "m", region: "domestic" },
  simulated: false,
  verdict: "fail",
  connection: {
    host: "127.0.0.1:9",
    stepMs: { tcp: 3 },
    failed: { step: "tcp", cause: "ECONNREFUSED" },
  },
  answers: {},
  requests: 0,
  findings: [
    {
      level: "fail",
      code: "provider_unreachable",
      message: `It cannot be reached, ${"for a long reason, ".repeat(5)}`.trim(),
      action: "Do something.",
    },
  ],
};

test("each provider is a line: what is not known is a dash, what failed a no", () => {
  expect(tableOf([FINE, DEAD], targets).split("\n")).toEqual([
    "(times in ms)            connect                    first text    whole",
    "provider                 dns  tcp  tls  key  model  cold   warm   warm   streams",
    "nvidia1            ok     12  180   <1  yes  yes    1204    812   2311   yes",
    "a-name-of-thirty…  FAIL    -   no    -  -    -         -      -      -   -",
  ]);
});

test("the tunnel of a proxy has a column where there is one", () => {
  const connection = { ...FINE.connection, proxy: "proxy:3128", stepMs: { tcp: 1, proxy: 42 } };
  const [, heads, fine, dead] = tableOf([{ ...FINE, connection }, DEAD], targets).split("\n");
  expect(heads).toMatch(/ dns +tcp +via +tls +key /);
  expect(fine).toMatch(/ ok +- +1 +42 +- +yes /);
  expect(dead).toMatch(/ FAIL +- +no +- +- /);
});

test("a time over its target is marked", () => {
  const { cold, warm } = FINE.answers;
  const late = (answer: typeof cold) => answer && { ...answer, firstTextMs: 12_345 };
  const slow = { ...FINE, answers: { cold: late(cold), warm } } as ProviderReport;
  expect(tableOf([slow], targets)).toMatch(/ 12345! +812 +2311 /);
});

test("no line is longer than 80 columns, however long names and figures are", () => {
  const proxied = { ...FINE, connection: { ...FINE.connection, proxy: "proxy:3128" } };
  const slow = (tookMs: number) => {
    const answer = { ...FINE.answers.cold, firstTextMs: tookMs, fullMs: tookMs };
    return { ...FINE, name: DEAD.name, answers: { cold: answer, warm: answer } } as ProviderReport;
  };
  // An hour is the longest that a run may take; a quarter of one where a column is taken up by a proxy.
  const tables = [[slow(3_600_000)], [slow(900_000), proxied]];
  const lines = tables.flatMap((some) => summaryOf([...some, DEAD], targets).split("\n"));
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test("a provider's findings stand under its whole name, those of others do not", () => {
  const notes = notesOf([FINE, DEAD]).split("\n");
  expect(notes[0]).toBe(DEAD.name);
  expect(notes.slice(1).map((line) => line.slice(0, 5))).toEqual(["  - I", "    r", "    D"]);
});

test("the end says what was asked, what is promised and how many are well", () => {
  const end = summaryOf([FINE, DEAD], targets);
  expect(end).toContain("domestic 1 s / 3 s");
  expect(end).toContain("overseasCold 8 s / 10 s");
  expect(end).toMatch(/Asked 2 times, for at most 64 tokens each:\n {2}"Count /);
  expect(end).toMatch(/\n1 ok, 0 with a warning, 1 failed$/);
  expect(summaryOf([DEAD], targets)).toContain("Asked nothing.");
});

test("JSON has everything, with times to a tenth of a millisecond", () => {
  const { ok, asked, providers, ...rest } = JSON.parse(jsonOf([FINE, DEAD], targets));
  expect([ok, asked.requests, rest.targets]).toEqual([false, 2, targets]);
  expect(providers[0].answers.cold.firstTextMs).toBe(1_204.3);
  expect(providers[1]).toEqual(DEAD);
  expect(JSON.parse(jsonOf([FINE], targets)).ok).toBe(true);
});
