/**
 * The components that start, follow and end runs on an edge. They are put together as in `edge-runs.ts`, for tests.
 */
import type { GatewayConfigSource } from "@openclaw/config";
import type { RunQueues } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import type { PromptRoom } from "../admission/prompt-room.ts";
import { withFallback as fallbackChainOf } from "../admission/provider-chain.ts";
import { RunAdmission } from "../admission/run-admission.ts";
import { RunStarter } from "../admission/run-starter.ts";
import type { LiveRuns } from "../runs/live-runs.ts";
import { RunAnnouncer } from "../runs/run-announcer.ts";
import { RunEnder } from "../runs/run-ender.ts";
import { RunOpener } from "../runs/run-opener.ts";
import { RunReaders } from "../runs/run-readers.ts";
import { RunResumer } from "../runs/run-resumer.ts";
import { EndedRuns } from "../telemetry/ended-runs.ts";
import type { RunMeter } from "../telemetry/run-meter.ts";
import { RunStats } from "../telemetry/run-stats.ts";

export const NODE = "edge-1";
export const log = createLogger({ service: "test", level: "silent" });

export interface TestRunsOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly records: RunRecords;
  readonly queues: RunQueues;
  readonly runs: LiveRuns;
  readonly stats?: RunStats;
  readonly meter?: RunMeter;
  readonly maxRuns?: number;
  readonly queueTimeoutMs?: number;
  readonly prompts?: PromptRoom;
  readonly isRedisWell?: () => boolean;
  readonly isAlive?: (node: string) => boolean;
}

export type TestRuns = ReturnType<typeof createTestRuns>;

export function createTestRuns({
  gateway,
  records,
  queues,
  runs,
  stats = new RunStats(),
  meter,
  maxRuns = 10,
  queueTimeoutMs = 30_000,
  prompts,
  isRedisWell = () => true,
  isAlive = () => true,
}: TestRunsOptions) {
  const readers = new RunReaders({
    node: NODE,
    records,
    runs,
    log,
    isAlive,
    onAbandoned: ({ runId, chain }) =>
      announcer.announce({ runId, chain, terminal: { type: "cancelled", reason: "disconnected" } }),
  });
  const announcer = new RunAnnouncer({ records, queues, readers, log });
  const withFallback = (provider: string) => fallbackChainOf(provider, gateway.current);
  const ender = new RunEnder({ records, announcer, withFallback });
  const onGap = () => meter?.gap();
  const opener = new RunOpener({ runs, records, queues, gateway, queueTimeoutMs, onGap, log });
  const ended = new EndedRuns({
    stats,
    ...(meter && { meter }),
    log,
    sessionHash: (session) => session,
  });
  const onRefused = ({ code }: Parameters<RunAdmission["refused"]>[0]) => meter?.refused(code);
  const room = prompts && { prompts };
  return {
    readers,
    announcer,
    ender,
    admission: new RunAdmission({ gateway, runs, maxRuns, ...room, isRedisWell, onRefused }),
    starter: new RunStarter({
      gateway,
      choice: { order: (members) => [...members] },
      opener,
      ...room,
      submission: {
        node: NODE,
        records,
        queues,
        announcer,
        cancel: (runId, session) => ender.cancel(runId, session),
        log,
      },
      onRefused,
      onEnded: (run) => ended.record(run),
    }),
    resumer: new RunResumer({
      node: NODE,
      records,
      readers,
      opener,
      announcer,
      withFallback,
      onOutcome: (outcome) => meter?.resumed(outcome),
      onEnded: (run) => ended.recordResumed(run),
    }),
  };
}
