import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { AdminServer } from "./admin-server.ts";
import { createLogger } from "./log.ts";

let admin: AdminServer | undefined;

afterEach(() => admin?.stop());

/** Starts one and gives what it answers to a path. */
async function ask(troubles: () => string[], read = async () => "a 1\n") {
  const lines: { port?: number }[] = [];
  const log = createLogger(
    { service: "edge", level: "info" },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  const metrics = { contentType: "text/plain; version=0.0.4", read };
  admin = new AdminServer({ host: "127.0.0.1", port: 0, metrics, troubles, log });
  await admin.start();
  return async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${lines[0]?.port}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
}

test("a process that waits for Redis lives, and is not ready", async () => {
  const get = await ask(() => ["redis does not answer in time"]);
  await admin?.readiness.start();
  expect(await get("/livez")).toEqual({ status: 200, text: "ok\n" });
  expect(await get("/readyz")).toEqual({ status: 503, text: "redis does not answer in time\n" });
});

test("it is ready between the start of its last part and the begin of its drain", async () => {
  const get = await ask(() => []);
  const { readiness } = admin ?? expect.fail("it was started");
  expect((await get("/readyz")).text).toBe("starting\n");
  await readiness.start();
  expect(await get("/readyz")).toEqual({ status: 200, text: "ok\n" });
  await readiness.drain?.(AbortSignal.timeout(1_000));
  expect(await get("/readyz")).toEqual({ status: 503, text: "draining\n" });
  expect((await get("/livez")).status).toBe(200);
});

test("metrics are read with each request; a failure is a 500 without its reason", async () => {
  let calls = 0;
  const get = await ask(
    () => [],
    async () => {
      calls += 1;
      if (calls === 2) throw new Error("sk-secret");
      return `calls ${calls}\n`;
    },
  );
  expect(await get("/metrics")).toEqual({ status: 200, text: "calls 1\n" });
  expect(await get("/metrics")).toEqual({ status: 500, text: "metrics not read\n" });
  expect((await get("/metrics?name=a")).text).toBe("calls 3\n");
});

test("nothing else is answered", async () => {
  const get = await ask(() => []);
  expect((await get("/stats")).status).toBe(404);
  expect((await get("/metrics", { method: "POST" })).status).toBe(405);
});

test("without a port there is no server", async () => {
  const lines: string[] = [];
  const log = createLogger(
    { service: "edge", level: "info" },
    { write: (line) => void lines.push(line) },
  );
  const metrics = { contentType: "", read: async () => "" };
  const options = { host: "127.0.0.1", port: undefined, metrics, troubles: () => [], log };
  admin = new AdminServer(options);
  await admin.start();
  expect(lines).toEqual([]);
});

test("a port that somebody else has is said in a sentence", async () => {
  const log = createLogger({ service: "edge", level: "silent" });
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const metrics = { contentType: "", read: async () => "" };
  const second = new AdminServer({ host: "127.0.0.1", port, metrics, troubles: () => [], log });
  await expect(second.start()).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
  other.close();
});
