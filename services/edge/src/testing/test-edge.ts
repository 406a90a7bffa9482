/**
 * The runs of an edge on a real Redis, without its sockets. The test plays the rest of the cluster.
 */
import { randomUUID } from "node:crypto";
import { parseGatewayConfig } from "@openclaw/config";
import { Metrics } from "@openclaw/metrics";
import type { RunOptions } from "@openclaw/protocol";
import { RunIntake, type RunJob, RunQueues } from "@openclaw/queue";
import { createBlockingConnection } from "@openclaw/runtime";
import {
  type Appender,
  BEGINNING,
  type DeltaEntry,
  type Position,
  type RunRecords,
  type RunWriter,
  type StreamKeys,
  Subscription,
  type TerminalEntry,
} from "@openclaw/stream";
import { createStreamFixture, eventually, type StreamFixture } from "@openclaw/testing";
import { onTestFinished } from "vitest";
import type { Answer, DeltaOutcome } from "../answers/answer.ts";
import { RepeatFilter } from "../answers/repeat-filter.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { LiveRuns } from "../runs/live-runs.ts";
import { RunMeter } from "../telemetry/run-meter.ts";
import { RunStats } from "../telemetry/run-stats.ts";
import { createTestRuns, log, NODE, type TestRuns, type TestRunsOptions } from "./test-runs.ts";

const PROVIDER = { baseUrl: "http://127.0.0.1:1/v1", model: "m" };
const GATEWAY = parseGatewayConfig(
  {
    providers: {
      mine: { ...PROVIDER, kind: "openai", fallback: ["glm"] },
      hasty: { ...PROVIDER, kind: "openai", timeouts: { queueMs: 100 } },
      glm: { ...PROVIDER, kind: "zhipu" },
    },
  },
  { source: "test", env: {} },
);

const UNCHANGING = { current: GATEWAY, onChange: () => undefined };

/** A client that keeps what it gets. */
export class NotingAnswer implements Answer {
  readonly isResumable = false;
  readonly isStreamed = true;
  text = "";
  readonly terminals: TerminalEntry[] = [];
  readonly #filter = new RepeatFilter();

  onAccepted(): void {
    // Not kept.
  }

  onQueued(): void {
    // Not kept.
  }

  onStarted(): void {
    this.#filter.restart();
  }

  onDelta(_position: Position, { text }: DeltaEntry): DeltaOutcome {
    const fresh = this.#filter.pass(text);
    if (fresh === undefined) return "interrupted";
    this.text += fresh;
    return "written";
  }

  onToolCall(): "held" {
    return "held";
  }

  onTerminal(terminal: TerminalEntry): false {
    this.terminals.push(terminal);
    return false;
  }

  batch(write: () => void): void {
    write();
  }
}

type Limits = Pick<TestRunsOptions, "queueTimeoutMs" | "maxRuns" | "prompts">;

export class TestEdge {
  readonly fixture: StreamFixture;
  readonly queues: RunQueues;
  readonly runs: LiveRuns;
  readonly stats = new RunStats();
  readonly metrics = new Metrics({ kind: "edge", gateway: UNCHANGING, node: false });
  readonly #meter = new RunMeter(this.metrics, UNCHANGING);
  readonly subscription: Subscription;
  #parts: TestRuns;
  /** Runs that were past every bound. */
  stuck = 0;

  private constructor(fixture: StreamFixture) {
    const { commands, keys, prefix } = fixture;
    this.fixture = fixture;
    this.queues = new RunQueues({
      redis: commands,
      keyPrefix: prefix,
      providers: () => ["mine", "glm", "hasty"],
    });
    this.runs = new LiveRuns({
      onUnfollowed: (runId) => this.readers.leaveUnfollowed(runId),
      onStuck: () => {
        this.stuck += 1;
      },
    });
    this.subscription = new Subscription({
      createSubscriber: () => fixture.subscriber(),
      commands,
      keys,
      node: NODE,
      log,
      onBatch: (batch) => this.runs.onBatch(batch),
      onRestored: () => this.runs.refill(),
    });
    this.#parts = this.#createParts({});
  }

  static async open(redisUrl: string): Promise<TestEdge> {
    const edge = new TestEdge(await createStreamFixture(redisUrl));
    await edge.queues.start();
    await edge.runs.start();
    await edge.subscription.start();
    return edge;
  }

  async close(): Promise<void> {
    await this.runs.stop();
    await this.settled();
    await this.subscription.stop();
    await this.queues.stop();
    await this.fixture.close();
  }

  get keys(): StreamKeys {
    return this.fixture.keys;
  }

  get records(): RunRecords {
    return this.fixture.records;
  }

  get appender(): Appender {
    return this.fixture.appender;
  }

  /** Sets other limits for the runs that begin from now on. */
  limit(limits: Limits): void {
    this.#parts = this.#createParts(limits);
  }

  get admission(): TestRuns["admission"] {
    return this.#parts.admission;
  }

  get starter(): TestRuns["starter"] {
    return this.#parts.starter;
  }

  get resumer(): TestRuns["resumer"] {
    return this.#parts.resumer;
  }

  get readers(): TestRuns["readers"] {
    return this.#parts.readers;
  }

  get ender(): TestRuns["ender"] {
    return this.#parts.ender;
  }

  /** Resolves when the cluster knows of every run that ended here. */
  async settled(): Promise<void> {
    await this.#parts.announcer.stop();
  }

  #createParts(limits: Limits): TestRuns {
    const { records, commands } = this.fixture;
    return createTestRuns({
      gateway: { current: GATEWAY },
      records,
      queues: this.queues,
      runs: this.runs,
      stats: this.stats,
      meter: this.#meter,
      isRedisWell: () => this.subscription.alive && commands.status === "ready",
      isAlive: (node) => !node.startsWith("edge-dead"),
      ...limits,
    });
  }

  /** Begins a run here. */
  start(
    options?: RunOptions,
    background = false,
  ): { run: LiveRun; answer: NotingAnswer; ended: () => number } {
    const answer = new NotingAnswer();
    let ended = 0;
    const run = this.starter.begin({
      session: "s",
      messages: [{ role: "user", content: "hi" }],
      provider: undefined,
      ...(options && { parameters: { options } }),
      background,
      answer,
      onEnded: () => {
        ended += 1;
      },
    });
    return { run, answer, ended: () => ended };
  }

  async queued(): Promise<void> {
    await eventually("the job", async () => (await this.queues.counts("mine")).waiting === 1);
  }

  /** Claims a run as a worker does. The job is removed as if a worker had taken it. */
  async attempt(runId: string, worker = "worker-1"): Promise<RunWriter> {
    await this.queues.remove("mine", runId);
    const claim = await this.records.claim({
      runId,
      lease: randomUUID(),
      worker,
      maxAttempts: 2,
      maxLost: 5,
      started: { type: "started", provider: "mine", model: "m" },
      exhausted: { type: "cancelled", reason: "client" },
      lost: { type: "cancelled", reason: "client" },
      overdue: { type: "cancelled", reason: "client" },
    });
    if (claim.outcome !== "claimed") throw new Error(claim.outcome);
    return this.appender.open({ runId, epoch: claim.epoch, onLost: () => undefined });
  }

  /** A run that another edge began and follows. */
  async elsewhere(): Promise<{ runId: string }> {
    const edge = "edge-elsewhere";
    return { runId: await this.fixture.createRun({ edge, provider: "mine" }) };
  }

  async lastOfLog(runId: string) {
    return (await this.records.read(runId, BEGINNING))?.entries.at(-1)?.entry;
  }

  /** Takes every job as a worker would, and does nothing with it. */
  async takeJobs(): Promise<ReadonlyMap<string, RunJob>> {
    const taken = new Map<string, RunJob>();
    const redis = createBlockingConnection({ url: this.fixture.url, name: "test:intake", log });
    await redis.connect();
    const intake = new RunIntake({
      redis,
      keyPrefix: this.fixture.prefix,
      provider: "mine",
      concurrency: 10,
      log,
      onRun: async (job) => void taken.set(job.runId, job),
      onUnreadable: async ({ error }) => {
        throw error;
      },
    });
    await intake.start();
    onTestFinished(async () => {
      await intake.stop();
      redis.disconnect();
    });
    return taken;
  }
}
