import { randomUUID } from "node:crypto";
import { failure } from "@openclaw/protocol";
import {
  Appender,
  type AppenderOptions,
  BEGINNING,
  type ClaimOutcome,
  DEFAULT_RETENTION,
  type Entry,
  type LossReason,
  RunRecords,
  type RunWriter,
  StreamKeys,
} from "@openclaw/stream";
import { createRedisFixture, type RedisFixture } from "./redis-fixture.ts";

type NewRun = Parameters<RunRecords["create"]>[0];
type Claim = Parameters<RunRecords["claim"]>[0];

/** How an attempt begins, and at which provider its run waits, unless a test says otherwise. */
const STARTED = { type: "started", provider: "nvidia1", model: "m" } as const;

/** A Redis of the test's own with the runs of a gateway in it. */
export interface StreamFixture extends RedisFixture {
  readonly keys: StreamKeys;
  readonly records: RunRecords;
  /** Started, on a connection of its own. */
  readonly appender: Appender;
  /** Makes a run that waits; answers its id. */
  createRun(run?: Partial<NewRun>): Promise<string>;
  /** Claims a run, which may be tried twice and lose five workers unless told otherwise. */
  claim(runId: string, claim?: Partial<Claim>): Promise<ClaimOutcome>;
  /** Claims a run however often it was tried; answers the epoch. */
  claimed(runId: string): Promise<number>;
  /** Claims a run however often it was tried, and opens its log to that attempt. */
  openWriter(runId: string, onLost?: (reason: LossReason) => void): Promise<RunWriter>;
  /** The first page of a run's log, which holds all that most tests write; empty where there is none. */
  entries(runId: string): Promise<Entry[]>;
}

export interface StreamFixtureOptions extends AppenderOptions {
  readonly partitions?: number;
  /** See `Retention`; at 0 attempts follow one another at once. */
  readonly heldMs?: number;
}

export async function createStreamFixture(
  url: string,
  { partitions = 1, heldMs = 0, ...appending }: StreamFixtureOptions = {},
): Promise<StreamFixture> {
  const redis = await createRedisFixture(url);
  const keys = new StreamKeys({ prefix: redis.prefix, partitions });
  const records = new RunRecords(redis.commands, keys, { ...DEFAULT_RETENTION, heldMs });
  const appender = new Appender(await redis.connect(), keys, appending);
  await appender.start();
  return {
    ...redis,
    keys,
    records,
    appender,
    ...runsIn(records, appender),
    async close() {
      await appender.stop();
      await redis.close();
    },
  };
}

/** What a test does to runs again and again. */
function runsIn(records: RunRecords, appender: Appender) {
  const claim = (runId: string, more: Partial<Claim> = {}) =>
    records.claim({
      runId,
      lease: randomUUID(),
      worker: "w1",
      maxAttempts: 2,
      maxLost: 5,
      started: STARTED,
      exhausted: { type: "failed", failure: failure("attempts_exhausted"), timings: undefined },
      lost: { type: "failed", failure: failure("attempts_exhausted"), timings: undefined },
      overdue: { type: "failed", failure: failure("run_timeout"), timings: undefined },
      ...more,
    });
  const claimed = async (runId: string) => {
    const outcome = await claim(runId, { maxAttempts: 100, maxLost: 100 });
    if (outcome.outcome !== "claimed") throw new Error(`not claimed: ${outcome.outcome}`);
    return outcome.epoch;
  };
  return {
    claim,
    claimed,
    async createRun(more: Partial<NewRun> = {}) {
      const { provider } = STARTED;
      const run = { runId: randomUUID(), edge: "e", provider, session: "s", ...more };
      await records.create(run);
      return run.runId;
    },
    async openWriter(runId: string, onLost: (reason: LossReason) => void = () => undefined) {
      return appender.open({ runId, epoch: await claimed(runId), onLost });
    },
    async entries(runId: string) {
      const page = await records.read(runId, BEGINNING);
      return (page?.entries ?? []).flatMap(({ entry }) =>
        entry.type === "unknown" ? [] : [entry],
      );
    },
  };
}
