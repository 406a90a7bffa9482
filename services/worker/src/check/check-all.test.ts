import { parseGatewayConfig } from "@openclaw/config";
import { createLogger } from "@openclaw/runtime";
import { expect, test } from "vitest";
import { provider } from "../testing/asking.ts";
import { beginStream, configFor, frame, WHOLE_ANSWER } from "../testing/fake-provider.ts";
import { checkAll } from "./check-all.ts";

const CONFIG = {
  providers: { any: { kind: "openai", baseUrl: "http://127.0.0.1:1", model: "m" } },
};
const { targets } = parseGatewayConfig(CONFIG, { source: "a test", env: {} });
const options = {
  targets,
  timeoutMs: 10_000,
  log: createLogger({ service: "test", level: "silent" }),
};

const subject = (name: string, url: string, rest: object = {}) => ({
  name,
  config: configFor(url, rest),
  keyVariables: [],
});

test("providers of one account are asked one after the other, others at the same time", async () => {
  const open = new Map<string, number>();
  const most = new Map<string, number>();
  const both: number[] = [];
  const fake = await provider((request, response) => {
    const key = request.headers.authorization ?? "";
    open.set(key, (open.get(key) ?? 0) + 1);
    most.set(key, Math.max(most.get(key) ?? 0, open.get(key) ?? 0));
    both.push([...open.values()].reduce((sum, count) => sum + count, 0));
    beginStream(response, frame({ content: "one" }));
    const end = () => {
      open.set(key, (open.get(key) ?? 0) - 1);
      response.end(WHOLE_ANSWER.join(""));
    };
    // The first waits for the other account's, which it would never see if all took turns.
    const untilBoth = () => (Math.max(...both) > 1 ? end() : setTimeout(untilBoth, 2));
    untilBoth();
  });
  const subjects = [
    subject("a", fake.url, { apiKey: "first" }),
    subject("b", fake.url, { apiKey: "first", model: "other" }),
    subject("c", fake.url, { apiKey: "second" }),
  ];
  const reports = await checkAll(subjects, options);
  expect(reports.map(({ name, requests }) => [name, requests])).toEqual([
    ["a", 2],
    ["b", 2],
    ["c", 2],
  ]);
  expect(Object.fromEntries(most)).toEqual({ "Bearer first": 1, "Bearer second": 1 });
});

test("a slow answer is asked for once more, and the better one counts", async () => {
  let asked = 0;
  const fake = await provider((_request, response) => {
    asked += 1;
    beginStream(response);
    const delayMs = asked === 1 ? 3_000 : 0;
    setTimeout(() => response.end(WHOLE_ANSWER.join("")), delayMs);
  });
  const strict = { ...targets, overseasCold: { firstTextMs: 2_900, fullMs: 20_000 } };
  const [report] = await checkAll([subject("a", fake.url)], { ...options, targets: strict });
  expect(report).toMatchObject({ requests: 3, findings: [{ code: "one_lump" }] });
  expect(report?.answers.cold?.firstTextMs).toBeLessThan(2_900);
});

test("a connection that the provider closes after each answer is still opened ahead, and warm", async () => {
  const fake = await provider((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
    response.end(WHOLE_ANSWER.join(""));
  });
  const [report] = await checkAll([subject("a", fake.url)], options);
  expect(report?.answers).toMatchObject({
    cold: { connection: "cold" },
    warm: { connection: "warm" },
  });
});

test("what fails after a first answer is told, and the answer with it", async () => {
  let asked = 0;
  const fake = await provider((_request, response) => {
    asked += 1;
    if (asked === 1) beginStream(response);
    else response.writeHead(429);
    response.end(asked === 1 ? WHOLE_ANSWER.join("") : "{}");
  });
  const [report] = await checkAll([subject("a", fake.url)], options);
  expect(report).toMatchObject({
    verdict: "fail",
    keyAccepted: true,
    modelServed: true,
    answers: { cold: { pieces: 1 } },
    findings: [{ level: "fail", code: "provider_rate_limited" }, { code: "one_lump" }],
  });
});
