import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { directive } from "./directive.ts";
import { createSimulator } from "./simulator.ts";
import { ask, askStream, startSimulator, until } from "./testing/wire.ts";

test("stop releases the port and ends open streams, and is safe twice", async () => {
  const simulator = await startSimulator();
  const { port } = simulator;
  const response = await ask({ simulator, prompt: directive({ text: "a", stallAfter: 1 }) });
  await simulator.stop();
  await simulator.stop();
  await expect(response.text()).rejects.toThrow();
  const next = createSimulator({ port });
  await next.start();
  expect(next.port).toBe(port);
  await next.stop();
});

test("a stopped simulator can be started again", async () => {
  const simulator = await startSimulator();
  await simulator.stop();
  expect(() => simulator.url).toThrow("not listening");
  await simulator.start();
  expect((await askStream({ simulator, prompt: "hi" })).data.at(-1)).toBe("[DONE]");
});

test("a start on a taken port fails", async () => {
  const { port } = await startSimulator();
  await expect(createSimulator({ port }).start()).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("stats count by profile and outcome, and reset forgets what is over", async () => {
  const simulator = await startSimulator();
  const stats = async () => (await fetch(`${simulator.url}/_sim/stats`)).json();
  await askStream({ simulator, profile: "zhipu", prompt: "hi" });
  await (await ask({ simulator, profile: "zhipu", prompt: directive({ status: 500 }) })).text();
  const stalled = await ask({
    simulator,
    profile: "nvidia1",
    prompt: directive({ stallAfter: 0 }),
  });
  expect(await stats()).toMatchObject({
    total: { requests: 3, active: 1, completed: 1, refused: 1 },
    profiles: {
      zhipu: { requests: 2, active: 0, maxActive: 1, completed: 1, refused: 1, aborted: 0 },
      nvidia1: { requests: 1, active: 1, maxActive: 1 },
      hunyuan: { requests: 0 },
    },
  });
  await fetch(`${simulator.url}/_sim/reset`, { method: "POST" });
  expect(await stats()).toMatchObject({
    total: { requests: 1, active: 1, maxActive: 1, completed: 0, refused: 0 },
  });
  await stalled.body?.cancel();
  await until(() => simulator.stats().total.active === 0);
  expect(simulator.stats().total).toMatchObject({ requests: 1, aborted: 1 });
});

test("maxActive is the most there were at once", async () => {
  const simulator = await startSimulator();
  // Long enough that the first still speaks when the last one asks, on a busy machine too.
  const prompt = directive({ words: 5, gapMs: 200 });
  await Promise.all(Array.from({ length: 12 }, () => askStream({ simulator, prompt })));
  expect(simulator.stats().profiles.openai).toMatchObject({
    maxActive: 12,
    completed: 12,
    active: 0,
  });
});

test("a socket opened ahead of any request is counted", async () => {
  const simulator = await startSimulator();
  const socket = connect(simulator.port, "127.0.0.1");
  await once(socket, "connect");
  await until(() => simulator.stats().sockets.open === 1);
  socket.destroy();
  await until(() => simulator.stats().sockets.open === 0);
  expect(simulator.stats().sockets.opened).toBe(1);
});
