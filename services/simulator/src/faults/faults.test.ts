/** Each fault as a client sees it on the wire. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { type Directive, directive } from "../directive.ts";
import {
  ask,
  type Chunk,
  eventsIn,
  readRaw,
  requestFor,
  speak,
  startSimulator,
  textOf,
  until,
} from "../testing/wire.ts";
import { FAULT_KINDS, type FaultFields } from "./fault-fields.ts";

const PIECES = ["a", "b", "c"];
const url = ({ url }: { url: string }) => `${url}/zhipu/v1/chat/completions`;

/** What a client that ignores what it cannot parse makes of a body. */
function lenient(body: string) {
  const chunks = eventsIn(body).flatMap((line) => {
    try {
      return [JSON.parse(line) as Chunk];
    } catch {
      // `[DONE]`, or what the fault made of it.
      return [];
    }
  });
  const finishes = chunks.map((chunk) => chunk.choices?.[0]?.finish_reason);
  return { text: textOf(chunks.filter(({ choices }) => choices)), finish: finishes.at(-1) };
}

async function bodyOf(fields: Directive): Promise<string> {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES, ...fields });
  return (await ask({ simulator, profile: "zhipu", prompt })).text();
}

test("refuse closes the connection without a byte", async () => {
  const simulator = await startSimulator();
  const { bytes } = await speak({ simulator, prompt: directive({ refuse: true }) });
  expect(bytes).toBe("");
  expect(simulator.stats().total).toMatchObject({ broken: 1, faults: { refuse: 1 } });
});

test("hang says nothing for as long as the client waits", async () => {
  const simulator = await startSimulator();
  const socket = connect(simulator.port, "127.0.0.1");
  socket.write(requestFor("zhipu", directive({ hang: true })));
  await until(() => simulator.stats().total.faults.hang === 1);
  // Bytes of the hanging answer would have arrived before this answer on another connection.
  await (await ask({ simulator, prompt: "hi" })).text();
  expect([socket.bytesRead, simulator.stats().total.active]).toEqual([0, 1]);
  socket.destroy();
  await until(() => simulator.stats().total.aborted === 1);
});

test("resetAfter sends so many pieces, and then a TCP reset", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES, gapMs: 50, resetAfter: 2 });
  const { bytes, error } = await speak({ simulator, profile: "zhipu", prompt });
  expect(error).toBe("ECONNRESET");
  // The last one may be lost on the way: that is what a reset does.
  expect(lenient(bytes).text).toMatch(/^ab?$/);
});

test("cutAfter closes in order, in the middle of the response", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES, cutAfter: 2 });
  const { bytes, error } = await speak({ simulator, profile: "zhipu", prompt });
  expect([lenient(bytes).text, error]).toEqual(["ab", undefined]);
  expect(bytes.endsWith("0\r\n\r\n")).toBe(false);
});

test("truncateAfter ends the response in order, in the middle of a frame", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES, truncateAfter: 2 });
  const { portions, complete } = await readRaw(url(simulator), prompt);
  const body = Buffer.concat(portions).toString();
  expect([lenient(body).text, complete]).toEqual(["ab", true]);
  expect(body).toMatch(/\n\ndata: \{[^\n]+$/);
});

test.each([
  ["with", {}, ["[DONE]"]],
  ["without", { done: false }, []],
] as const)("errorAfter sends the error frame %s [DONE]", async (_, fields, rest) => {
  const body = await bodyOf({ errorAfter: 2, ...fields });
  const events = eventsIn(body);
  expect(lenient(body).text).toBe("ab");
  expect(JSON.parse(events[2] ?? "")).toMatchObject({ error: { code: "1302" } });
  expect(events.slice(3)).toEqual(rest);
});

test.each(["garbageAfter", "badJsonAfter"] as const)(
  "%s loses one piece, and goes on as if nothing had happened",
  async (fault) => {
    const body = await bodyOf({ [fault]: 1 });
    expect(lenient(body)).toEqual({ text: "ac", finish: "stop" });
    expect(body.endsWith("data: [DONE]\n\n")).toBe(true);
  },
);

test("garbageAfter sends lines that are no SSE, badJsonAfter a line that is no JSON", async () => {
  const lines = (body: string) => body.split("\n").filter((line) => line !== "");
  const garbage = lines(await bodyOf({ garbageAfter: 1 }));
  expect(garbage.filter((line) => !line.startsWith("data: "))).toHaveLength(1);
  const broken = lines(await bodyOf({ badJsonAfter: 1 }));
  expect(broken.every((line) => line.startsWith("data: "))).toBe(true);
});

test("hugeAfter sends a line of more than 4 MiB", async () => {
  const body = await bodyOf({ hugeAfter: 1 });
  const lengths = body.split("\n").map((line) => line.length);
  expect(Math.max(...lengths)).toBeGreaterThan(4 * 1024 * 1024);
  expect(body.endsWith("data: [DONE]\n\n")).toBe(true);
});

test("a fault beyond the end of the answer happens at its end", async () => {
  for (const fault of ["garbageAfter", "badJsonAfter", "truncateAfter", "errorAfter"] as const) {
    const body = await bodyOf({ [fault]: 99 });
    expect(lenient(body).text).toBe("abc");
    expect(eventsIn(body).length + Number(fault === "garbageAfter")).toBeGreaterThan(3);
  }
});

test("lateMs puts off the first delta, where it is meant for this provider", async () => {
  const simulator = await startSimulator();
  const fault = { text: "hi", lateMs: 500, usage: false };
  for (const [faultOn, isLate] of [
    ["zhipu", true],
    ["nvidia1", false],
  ] as const) {
    const beganAt = performance.now();
    await readRaw(url(simulator), directive({ ...fault, faultOn: [faultOn] }));
    expect(performance.now() - beganAt > 500).toBe(isLate);
  }
});

test("dripMs lets the bytes come one by one, each after a pause", async () => {
  const simulator = await startSimulator();
  const startedAt = performance.now();
  const prompt = directive({ text: "hi", dripMs: 1, usage: false });
  const { portions, complete } = await readRaw(url(simulator), prompt);
  expect(portions.every(({ length }) => length === 1)).toBe(true);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(portions.length);
  expect([lenient(Buffer.concat(portions).toString()).text, complete]).toEqual(["hi", true]);
});

test("dripMs takes the size of a portion from chunkBytes", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ pieces: PIECES, dripMs: 1, chunkBytes: 100 });
  const { portions } = await readRaw(url(simulator), prompt);
  expect(new Set(portions.slice(0, -1).map(({ length }) => length))).toEqual(new Set([100]));
});

test("stale closes a socket that carried a request before, and answers on a new one", async () => {
  const simulator = await startSimulator();
  const socket = connect(simulator.port, "127.0.0.1");
  const closed = once(socket, "close");
  let bytes = "";
  socket.on("data", (portion) => {
    bytes += portion;
  });
  const prompt = directive({ pieces: PIECES, stale: true });
  socket.write(requestFor("zhipu", prompt));
  await until(() => bytes.endsWith("0\r\n\r\n"));
  expect(lenient(bytes)).toEqual({ text: "abc", finish: "stop" });
  bytes = "";
  socket.write(requestFor("zhipu", prompt));
  await closed;
  expect(bytes).toBe("");
  expect(simulator.stats().total).toMatchObject({ completed: 1, broken: 1, faults: { stale: 1 } });
});

test("retryAfterS is sent with the status", async () => {
  const simulator = await startSimulator();
  const prompt = directive({ status: 503, retryAfterS: 7 });
  const response = await ask({ simulator, profile: "nvidia1", prompt });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "7"]);
});

test("an answer that is not streamed fails as well", async () => {
  const simulator = await startSimulator();
  const extra = { stream: false };
  const whole = (fields: Directive) =>
    ask({ simulator, profile: "zhipu", prompt: directive({ text: "a", ...fields }), extra });
  expect(await (await whole({ errorAfter: 0 })).json()).toHaveProperty("error");
  for (const fault of ["truncateAfter", "garbageAfter", "badJsonAfter"] as const) {
    await expect((await whole({ [fault]: 0 })).json()).rejects.toThrow(SyntaxError);
  }
  for (const fields of [{ resetAfter: 0 }, { refuse: true }] as const) {
    await expect(whole(fields)).rejects.toThrow("fetch failed");
  }
});

const ASKED: Readonly<Record<string, FaultFields>> = {
  status: { status: 500 },
  lateMs: { lateMs: 1 },
  dripMs: { dripMs: 1 },
  cutAtByte: { cutAtByte: 40 },
  resetAtByte: { resetAtByte: 40 },
};
test.each(FAULT_KINDS)("%s spares the profiles it is not meant for", async (kind) => {
  const simulator = await startSimulator();
  const fields = ASKED[kind] ?? { [kind]: kind.endsWith("After") ? 0 : true };
  const prompt = directive({ pieces: PIECES, faultOn: ["zhipu"], ...fields });
  const body = await (await ask({ simulator, profile: "hunyuan", prompt })).text();
  expect(lenient(body).text).toBe("abc");
  expect(simulator.stats().total).toMatchObject({ completed: 1, faults: {} });
});
