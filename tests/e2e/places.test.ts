/** Users have as many places as an account is configured for. If another setting is the bound, it is named. */
import { directive } from "@openclaw/simulator";
import { eventually } from "@openclaw/testing";
import { expect } from "vitest";
import { test } from "./one-provider.ts";

test.concurrent("300 users of an account for 2,000, with nothing else set: all are at work together", async ({
  start,
}) => {
  const { client } = await start({ maxConcurrency: 2_000 }, { workers: 2 });
  /** Asks 300 questions at once. Resolves with the time until all are at work. */
  const wave = async (first: number) => {
    const askedAt = performance.now();
    const begun = await Promise.all(
      Array.from({ length: 300 }, (_, seed) =>
        client.run(directive({ words: 100, gapMs: 1_000, seed: first + seed })),
      ),
    );
    const started = () => new Set(client.all("started").map(({ run }) => run)).size;
    await eventually("all to start", () => started() === first + begun.length, {
      withinMs: 30_000,
    });
    return { begun, tookMs: Math.round(performance.now() - askedAt) };
  };
  const [cold, warm] = [await wave(0), await wave(300)];
  const runs = [...cold.begun, ...warm.begun];
  // Each goes on for 100 s: none has made room for another.
  expect(runs.flatMap(({ terminals }) => terminals)).toEqual([]);
  console.log(
    `300 runs of an account for 2,000, 2 workers: all started after ${cold.tookMs} ms right behind the start, ` +
      `300 more after ${warm.tookMs} ms`,
  );
});

test.concurrent("a waiting user is told how long, within a factor of 2 once ten runs have ended; what bounds them is named", async ({
  start,
}) => {
  const { client, cluster } = await start(
    { maxConcurrency: 1_000 },
    { workers: 2, env: { WORKER_CONCURRENCY: "15" } },
  );
  const startedAt = new Map<string, number>();
  const told: { run: string; at: number; waitMs: number }[] = [];
  client.onFrame = (frame) => {
    const at = performance.now();
    if (frame.type === "started") startedAt.set(frame.run, at);
    const hasEnded = client.all("done").length >= 10;
    if (frame.type === "queued" && hasEnded) told.push({ ...frame, at });
  };
  // 30 places for 100 users whose answers take 6 s each.
  const runs = await Promise.all(
    Array.from({ length: 100 }, (_, seed) =>
      client.run(directive({ words: 30, gapMs: 200, seed })),
    ),
  );
  const ask = async (path: string) => (await fetch(`http://${cluster.host}${path}`)).json();
  const noted = async () => {
    // As docs/openapi.json has it.
    const health = (await ask("/health")) as { notes?: string[] };
    return health.notes?.[0];
  };
  const note =
    "zhipu: 2 workers have places for 30 runs at once of maxConcurrency 1000; raise WORKER_CONCURRENCY, or add workers";
  // Its edge looks once a second who is there.
  await eventually("the note", async () => (await noted()) === note);
  const zhipu = { maxConcurrency: 1_000, places: 30, bounds: ["WORKER_CONCURRENCY"] };
  expect(await ask("/stats")).toMatchObject({ providers: { zhipu } });
  const scraped = await cluster.scrape("edge");
  expect(scraped.sum("openclaw_queue_limit_runs", { limit: "places" })).toBe(30);

  for (const run of runs) expect(await client.end(run, 120_000)).toMatchObject({ type: "done" });
  const ratios = told
    .map(({ run, at, waitMs }) => ({ waitMs, realMs: (startedAt.get(run) ?? 0) - at }))
    // For the next run in line the wait is shorter than the delays of a busy machine.
    .filter(({ realMs }) => realMs > 1_500)
    .map(({ waitMs, realMs }) => waitMs / realMs)
    .toSorted((a, b) => a - b);
  expect(ratios.length).toBeGreaterThan(20);
  const at = (share: number) => ratios[Math.floor(share * ratios.length)] ?? 0;
  console.log(
    `told of real wait, ${ratios.length} notices: ${[0, 0.1, 0.5, 0.9, 0.999].map((share) => at(share).toFixed(2)).join(" ")}`,
  );
  // Chance and the machine have a part in each; a wrong reckoning is wrong for all of them.
  expect(at(0.5)).toBeGreaterThan(0.5);
  expect(at(0.5)).toBeLessThan(2);
});
