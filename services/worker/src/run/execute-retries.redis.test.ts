/** How often which provider is asked, and who is asked next. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RunPostponedError } from "@openclaw/queue";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { type TestWorker, TestWorkers } from "../testing/test-workers.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
});

afterEach(() => workers.stop());

interface Refusal {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

/** A provider that refuses everything, and counts. */
async function refusing({ status, headers = {}, body = {} }: Refusal) {
  const asked = { count: 0, url: "" };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      asked.count += 1;
      // A connection that is reset, where there is no status.
      if (status === 0) request.socket.resetAndDestroy();
      else response.writeHead(status, headers).end(JSON.stringify(body));
    });
  });
  server.listen(0, "127.0.0.1");
  await eventually("to listen", () => server.listening);
  asked.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return asked;
}

/** Offers a run until it is not postponed any more, as its queue does; answers how long each wait was to be. */
async function offered(worker: TestWorker, fallback: readonly string[]) {
  const waits: number[] = [];
  const { runId, job, finished } = await workers.begin(worker, { fallback: [...fallback] });
  let work: Promise<void> = finished;
  for (;;) {
    try {
      await work;
      return { runId, waits };
    } catch (error) {
      if (!(error instanceof RunPostponedError)) throw error;
      waits.push(error.forMs);
      if (waits.length > 10) throw new Error("asked for ever");
      work = executeRun(job, worker);
    }
  }
}

const context = { error: { code: "context_length_exceeded", message: "too long" } };

describe("retries", () => {
  test.each([0, 500, 502])(
    "of 2: %i is asked three times, almost at once, and then the next",
    async (status) => {
      const provider = await refusing({ status });
      const worker = await workers.add("mine", { baseUrl: provider.url, retries: 2 });
      const { waits } = await offered(worker, ["other"]);
      expect(provider.count).toBe(3);
      expect(waits).toHaveLength(2);
      for (const wait of waits) expect(wait).toBeLessThanOrEqual(250);
      expect(workers.added).toMatchObject([{ provider: "other", fallback: [] }]);
    },
  );

  test("wait for the short rest of an account that complained", async () => {
    const provider = await refusing({ status: 503 });
    const worker = await workers.add("mine", { baseUrl: provider.url, retries: 1 });
    const { runId, job, finished } = await workers.begin(worker, { fallback: ["other"] });
    const postponed = await finished.catch((error: unknown) => error);
    expect(postponed).toBeInstanceOf(RunPostponedError);
    expect((postponed as RunPostponedError).forMs).toBeLessThan(1_000);
    await eventually("the end of the rest", () => worker.provider.health.closed === undefined);
    await executeRun(job, worker);
    expect([provider.count, workers.added.map(({ runId }) => runId)]).toEqual([2, [runId]]);
  });

  test("of 0, which is the default: the next is asked at once", async () => {
    const provider = await refusing({ status: 500 });
    const worker = await workers.add("mine", { baseUrl: provider.url });
    expect((await offered(worker, ["other"])).waits).toEqual([]);
    expect(provider.count).toBe(1);
  });

  test("wait for a Retry-After that is short enough", async () => {
    const provider = await refusing({ status: 500, headers: { "retry-after-ms": "700" } });
    const worker = await workers.add("mine", {
      baseUrl: provider.url,
      retries: 1,
      retryWithinMs: 800,
    });
    const { waits } = await offered(worker, ["other"]);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(700);
    expect(waits[0]).toBeLessThan(1_000);
    expect(provider.count).toBe(2);
  });

  test.each([
    ["a Retry-After that is longer", { status: 500, headers: { "retry-after": "3" } }],
    ["a limit that does not say when it ends", { status: 429 }],
    ["a key that is refused", { status: 401 }],
    ["a request that is refused", { status: 400 }],
  ])("are none for %s", async (_, refusal) => {
    const provider = await refusing(refusal);
    const worker = await workers.add("mine", { baseUrl: provider.url, retries: 3 });
    expect((await offered(worker, ["other"])).waits).toEqual([]);
    expect(provider.count).toBe(1);
  });

  test("are none once something was said", async () => {
    const worker = await workers.add("mine", { retries: 3 });
    const { finished } = await workers.begin(worker, { fallback: ["other"] });
    const stream = await worker.scripted.nextRequest();
    stream.say("Once");
    stream.cut();
    await finished;
    expect(workers.added).toMatchObject([{ provider: "other" }]);
  });

  test("cost no attempt: the one after them has as many as ever", async () => {
    const provider = await refusing({ status: 500 });
    const worker = await workers.add("mine", { baseUrl: provider.url, retries: 3 });
    const { runId } = await offered(worker, ["other"]);
    const { commands, keys } = workers.stream;
    expect(await commands.hget(keys.record(runId), "attempts")).toBe("0");
  });

  test("come before the one later try of a provider that nobody stands in for", async () => {
    const provider = await refusing({ status: 500 });
    const worker = await workers.add("mine", { baseUrl: provider.url, retries: 1 });
    const { runId, waits } = await offered(worker, []);
    expect(waits.map((wait) => wait >= 1_000)).toEqual([false, true]);
    expect(provider.count).toBe(3);
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      type: "failed",
      failure: { code: "provider_error" },
    });
  });
});

describe("a request that is too long for its provider", () => {
  const sizes: Readonly<Record<string, number>> = { mine: 8_000, small: 8_000, large: 32_000 };
  async function tooLong(fallback: readonly string[]) {
    const provider = await refusing({ status: 400, body: context });
    const added = await workers.add("mine", { baseUrl: provider.url, retries: 2 });
    const contextTokensOf = (name: string) => sizes[name];
    const { runId } = await offered({ ...added, contextTokensOf }, fallback);
    return { provider, runId, added };
  }

  test("goes to the next that takes more, past those that do not", async () => {
    const { provider } = await tooLong(["small", "large", "unknown"]);
    expect(provider.count).toBe(1);
    expect(workers.added).toMatchObject([{ provider: "large", fallback: ["unknown"] }]);
  });

  test("never comes to one that takes no more, whatever becomes of the next", async () => {
    await tooLong(["large", "small", "unknown"]);
    expect(workers.added).toMatchObject([{ provider: "large", fallback: ["unknown"] }]);
  });

  test("goes to one whose size is not known", async () => {
    await tooLong(["small", "unknown"]);
    expect(workers.added).toMatchObject([{ provider: "unknown", fallback: [] }]);
  });

  test("fails cleanly where nobody takes more, and speaks against no account", async () => {
    const { runId, added } = await tooLong(["small"]);
    expect(workers.added).toEqual([]);
    expect((await workers.entries(runId)).at(-1)).toMatchObject({
      type: "failed",
      failure: { code: "context_length_exceeded", retryable: false },
    });
    expect(added.provider.health.closed).toBeUndefined();
  });
});
