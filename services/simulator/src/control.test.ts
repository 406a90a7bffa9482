import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { directive } from "./directive.ts";
import { createSimulator, type Simulator } from "./simulator.ts";
import { ask, askStream, requestFor, startSimulator, until } from "./testing/wire.ts";

async function control(simulator: Simulator, method: string, path: string, body?: unknown) {
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(`${simulator.url}/_sim/${path}`, init);
  return { status: response.status, body: await response.json() };
}

async function statuses(simulator: Simulator, many: number): Promise<number[]> {
  const all: number[] = [];
  for (let asked = 0; asked < many; asked += 1) {
    const response = await ask({ simulator, profile: "zhipu", prompt: directive({ text: "a" }) });
    await response.text();
    all.push(response.status);
  }
  return all;
}

test("faults are set while it runs, counted by kind, and cleared by a reset", async () => {
  const simulator = await startSimulator();
  const burst = { status: 503, requests: 2, every: 3, retryAfterS: 1 };
  const set = await control(simulator, "PUT", "faults", { burst });
  expect(set).toMatchObject({ status: 200, body: { burst } });
  expect(await statuses(simulator, 4)).toEqual([503, 503, 200, 503]);
  expect((await control(simulator, "GET", "stats")).body).toMatchObject({
    total: { refused: 3, completed: 1, faults: { burst: 3 } },
    profiles: { zhipu: { faults: { burst: 3 } }, hunyuan: { faults: {} } },
  });
  expect((await control(simulator, "POST", "reset")).body).toMatchObject({ total: { faults: {} } });
  expect((await control(simulator, "GET", "faults")).body).not.toHaveProperty("burst");
  expect(await statuses(simulator, 2)).toEqual([200, 200]);
});

test("settings that make no sense are refused in words, and the old ones stay", async () => {
  const simulator = await startSimulator();
  await control(simulator, "PUT", "faults", { seed: 3 });
  for (const [body, reason] of [
    [{ probabilty: {} }, "probabilty"],
    ["", "object"],
    [undefined, "not JSON"],
  ] as const) {
    const refused = await control(simulator, "PUT", "faults", body);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain(reason);
  }
  expect(simulator.faults.seed).toBe(3);
  const faults = { concurrency: { nobody: 1 } };
  expect(() => createSimulator({ port: 0, faults })).toThrow(/nobody is not a profile/);
});

test("faults may be there from the start", async () => {
  const simulator = await startSimulator(undefined, { probability: { status: 1 } });
  expect(await statuses(simulator, 2)).toEqual([500, 500]);
});

test.each([
  ["zhipu", { error: { code: "1302" } }],
  ["nvidia1", { title: "Too Many Requests" }],
  ["hunyuan", { error: { code: "429001" } }],
])("%s refuses one request too many in its own words", async (profile, body) => {
  const simulator = await startSimulator(undefined, { concurrency: { [profile]: 1 } });
  const prompt = directive({ text: "a", stallAfter: 1 });
  const first = await ask({ simulator, profile, prompt });
  const second = await ask({ simulator, profile, prompt: "hi" });
  expect(second.status).toBe(429);
  expect(await second.json()).toMatchObject(body);
  await first.body?.cancel();
  await until(() => simulator.stats().total.active === 0);
  const { data } = await askStream({ simulator, profile, prompt: "hi" });
  expect(data.at(-1)).toBe("[DONE]");
});

test("connections that carry nothing for idleMs are closed, whether they ever carried anything", async () => {
  const simulator = await startSimulator();
  const fresh = connect(simulator.port, "127.0.0.1");
  const used = connect(simulator.port, "127.0.0.1").resume();
  const gone = Promise.all([once(fresh.resume(), "close"), once(used, "close")]);
  used.write(requestFor("zhipu", directive({ text: "a" })));
  await until(() => simulator.stats().total.completed === 1);
  expect(simulator.stats().sockets.open).toBe(2);
  simulator.setFaults({ idleMs: 5 });
  await gone;
  await until(() => simulator.stats().sockets.open === 0);
  expect(simulator.stats().sockets.idleClosed).toBe(2);
});

test("a connection that carries an answer is not idle", async () => {
  const simulator = await startSimulator();
  const response = await ask({ simulator, prompt: directive({ words: 5, gapMs: 40 }) });
  simulator.setFaults({ idleMs: 1 });
  expect(await response.text()).toContain("[DONE]");
  await until(() => simulator.stats().sockets.idleClosed === 1);
});
