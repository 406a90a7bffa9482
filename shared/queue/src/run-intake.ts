/**
 * The worker's side of one provider's queue: takes runs and holds a short lease on each.
 *
 * The runs of a dead worker must move within 5 s. So a lease lasts 3 s and is renewed every second, and workers look
 * for expired leases twice a second. A worker that is slow rather than dead may lose a lease while it still works.
 * That is harmless, because the log fences it (see `claim.lua`).
 */
import { type Component, Idle, isOutage, type Logger, type RedisClient } from "@openclaw/runtime";
import { DelayedError, type Job, WaitingError } from "bullmq";
import { BLOCK_S, BoundedWorker, RETRY_MS } from "./bounded-worker.ts";
import { RunPostponedError, RunReleasedError, UnreadableJobError } from "./intake-errors.ts";
import { LeaseClock } from "./lease-clock.ts";
import { queueNames } from "./queue-names.ts";
import { jobIdOf, type ReadJob, type RunJob, readJob } from "./run-job.ts";
import { UnworkableJobs } from "./unworkable-jobs.ts";

const LEASE_MS = 3_000;
const RENEW_MS = 1_000;
const STALLED_CHECK_MS = 500;
/** How often at most it is looked for jobs that make BullMQ's scripts fail. */
const UNWORKABLE_CHECK_MS = 1_000;
/**
 * How often a run is tried is decided where it is claimed. The queue must not give up before that:
 * a job it drops would leave a run without an end.
 */
const MAX_STALLED = 1_000;

/**
 * How often a job of a later release is given back, so that a worker of that release may take it. After that its run
 * fails.
 */
const MOST_GIVEN_BACK = 16;
/** Work on such a job would take the place of another run, and its own run would wait for ever. */
const FOREIGN = {
  outcome: "unreadable",
  isLater: false,
  problem: "it names another run than its own",
} as const satisfies ReadJob;
const GIVEN_BACK_MS = { first: 100, most: 1_000 };

/** How long a worker that leaves waits until the outcomes of its runs are written. */
const WRITTEN_WITHIN_MS = 500;

export interface RunIntakeOptions {
  /** A blocking connection; each intake makes one more of its kind for its blocking reads. */
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly provider: string;
  /** Most runs of this provider at once in this process, until `resize`. */
  readonly concurrency: number;
  readonly log: Logger;
  /**
   * Works on one run to its end. An error makes the queue offer the run again. After a `RunPostponedError` it does so
   * when the wait is over, and the run holds no place meanwhile. After a `RunReleasedError` it does so at once, after
   * any other error soon, up to a bound.
   */
  readonly onRun: (job: RunJob) => Promise<void>;
  /** No worker can read this job, which is done with afterwards: its run is to be failed. */
  readonly onUnreadable: (job: UnreadableJob) => Promise<void>;
  /** Redis' clock was set back; these runs are at work. */
  readonly onClockSetBack?: (runIds: readonly string[]) => Promise<void>;
}

export interface UnreadableJob {
  /** Of a run, or of a hedge: see `isHedge`. */
  readonly jobId: string;
  readonly provider: string;
  readonly error: Error;
}

async function ignore(): Promise<void> {
  // The owner has not asked for this event.
}

export class RunIntake implements Component {
  readonly name: string;
  readonly #options: RunIntakeOptions;
  readonly #working = new Map<string, Promise<void>>();
  readonly #reported = new Set<string>();
  readonly #clock: LeaseClock;
  readonly #unworkable: UnworkableJobs;
  /** BullMQ has failed since it was looked for jobs that make it do so. */
  #hasFault = false;
  #mayLookAt = 0;
  #looking: NodeJS.Timeout | undefined;
  #concurrency: number;
  #worker: BoundedWorker | undefined;
  #draining = false;
  #isHeld = false;
  readonly #idle = new Idle(() => this.#working.size === 0);

  constructor(options: RunIntakeOptions) {
    this.name = `intake ${options.provider}`;
    this.#options = options;
    this.#concurrency = options.concurrency;
    const { redis, keyPrefix, provider, onClockSetBack = ignore, log } = options;
    this.#clock = new LeaseClock({
      ...{ redis, keyPrefix, provider, log },
      leaseMs: LEASE_MS,
      lookEveryMs: STALLED_CHECK_MS,
      onSetBack: onClockSetBack,
    });
    const error = new UnreadableJobError("the queue cannot work with its fields");
    this.#unworkable = new UnworkableJobs({
      ...{ redis, keyPrefix, provider },
      leaseMs: LEASE_MS,
      onFound: (jobId) => options.onUnreadable({ jobId, provider, error }),
    });
  }

  async start(): Promise<void> {
    const { redis, keyPrefix, provider, log } = this.#options;
    const { name, prefix } = queueNames(keyPrefix, provider);
    const worker = new BoundedWorker(name, (job) => this.#process(job), {
      prefix,
      connection: redis,
      concurrency: this.#concurrency,
      lockDuration: LEASE_MS,
      lockRenewTime: RENEW_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      drainDelay: BLOCK_S,
      runRetryDelay: RETRY_MS,
    });
    worker.on("error", (error) => {
      worker.onFault(error);
      this.#reportOnce(error);
    });
    worker.onFault = (error) => {
      if (!isOutage(error)) this.#hasFault = true;
    };
    worker.on("stalled", (runId) => log.warn({ provider, runId }, "lease of a run expired"));
    worker.on("failed", (job, error) => {
      if (this.#draining) return;
      log.error({ provider, runId: job?.id, err: error }, "run could not be worked on");
    });
    this.#worker = worker;
    // Before it has asked for anything.
    if (this.#isHeld) await this.hold(true);
    await worker.waitUntilReady();
    this.#looking = setInterval(() => {
      void this.#clock.look();
      void this.#takeOffUnworkable(worker.id);
    }, STALLED_CHECK_MS);
  }

  /** Takes off what BullMQ may have failed with. Never throws: where it fails it is done again. */
  async #takeOffUnworkable(workerId: string): Promise<void> {
    if (!this.#hasFault || performance.now() < this.#mayLookAt) return;
    // None beside this one.
    this.#mayLookAt = Number.POSITIVE_INFINITY;
    this.#hasFault = false;
    try {
      await this.#unworkable.takeOff(workerId, this.#working.keys());
    } catch (error) {
      this.#hasFault = true;
      const { log, provider } = this.#options;
      log.debug({ provider, err: error }, "jobs that cannot be worked with not looked for");
    }
    this.#mayLookAt = performance.now() + UNWORKABLE_CHECK_MS;
  }

  /**
   * Takes this many runs at once from now on. A full intake takes more only when its next run ends, since BullMQ looks
   * for work only then. An intake that is to take fewer gives up no run.
   */
  resize(concurrency: number): void {
    this.#concurrency = concurrency;
    if (this.#worker) this.#worker.concurrency = concurrency;
  }

  /** Takes no runs until told otherwise, or takes them again. Those at work go on. */
  async hold(isHeld: boolean): Promise<void> {
    this.#isHeld = isHeld;
    if (this.#draining) return;
    // Without waiting, as in `drain`.
    if (isHeld) await this.#worker?.pause(true);
    else await this.#worker?.resume();
  }

  /** Takes no more runs; resolves when those at work have ended, or once `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    // Without waiting: BullMQ's own wait has no bound.
    await this.#worker?.pause(true);
    await this.#idle.wait(signal);
  }

  /** Leaves runs that are still at work to other workers, who take them when their leases expire. */
  async stop(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#looking);
    await this.#worker?.leave(WRITTEN_WITHIN_MS);
  }

  async #process(job: Job): Promise<void> {
    const read = readJob(job.data);
    try {
      if (read.outcome === "unreadable") await this.#refuse(job, read);
      else if (jobIdOf(read.job) !== job.id) await this.#refuse(job, FOREIGN);
      else await this.#workOn(read.job);
    } catch (error) {
      if (error instanceof RunReleasedError) {
        await job.moveToWait(job.token);
        throw new WaitingError();
      }
      if (!(error instanceof RunPostponedError)) throw error;
      await job.moveToDelayed(Date.now() + error.forMs, job.token);
      throw new DelayedError();
    }
  }

  /** @throws RunPostponedError where another worker may read it */
  async #refuse(
    { id: jobId = "", attemptsStarted: offers }: Job,
    { isLater, problem }: Extract<ReadJob, { outcome: "unreadable" }>,
  ): Promise<void> {
    const { provider, log, onUnreadable } = this.#options;
    if (isLater && offers <= MOST_GIVEN_BACK) {
      log[offers === 1 ? "warn" : "debug"]({ provider, jobId, problem }, "job given back");
      throw new RunPostponedError(
        jobId,
        Math.min(GIVEN_BACK_MS.first * offers, GIVEN_BACK_MS.most),
      );
    }
    await onUnreadable({ jobId, provider, error: new UnreadableJobError(problem) });
  }

  /**
   * Works on a run, or joins the work on it that goes on here.
   *
   * When this process was stopped or busy for longer than a lease, it may be offered the very run it
   * is working on. A second attempt would restart a healthy answer. And BullMQ renews leases by job
   * id: when the first call returned, it would forget the lease of the second.
   */
  async #workOn(run: RunJob): Promise<void> {
    const id = jobIdOf(run);
    const current = this.#working.get(id);
    if (current) {
      this.#options.log.info({ runId: run.runId }, "run offered again, joined");
      return current;
    }
    // A pop that was already waiting when the drain began may still bring one.
    if (this.#draining) throw new RunReleasedError(run.runId);
    const work = this.#options.onRun(run);
    this.#working.set(id, work);
    try {
      await work;
    } finally {
      this.#working.delete(id);
      this.#idle.check();
    }
  }

  /** BullMQ repeats an error with every job and every try: the first of each kind is worth a line. */
  #reportOnce(error: Error): void {
    const { provider, log } = this.#options;
    // Messages end in ids and addresses, which would make every one of them new.
    const kind = error.message.split(/[\d:.]/, 1)[0] ?? "";
    const level = this.#reported.has(kind) ? "debug" : "warn";
    this.#reported.add(kind);
    log[level]({ provider, err: error }, "queue error");
  }
}
