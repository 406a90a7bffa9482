import { sleep, within } from "@openclaw/runtime";
import { type Job, Worker } from "bullmq";
import { ReplyError } from "ioredis";

/**
 * How long a read blocks while there is nothing to take, in seconds. BullMQ takes one that is silent for a
 * second more for dead and connects anew, so this decides how soon work flows after a silent cut.
 */
export const BLOCK_S = 0.5;
/** Waits after a command that failed, instead of BullMQ's 5 and 15 s. */
export const RETRY_MS = 500;

/**
 * A worker that is back soon after Redis is, and leaves in order, though not at any price.
 *
 * BullMQ waits only after an error of the connection. It asks again at once after a command that Redis
 * refuses, 30,000 times a second, so every way in which its loop asks for a job is paced here.
 */
export class BoundedWorker extends Worker {
  readonly #leaving = new AbortController();
  /** Told at once, before the pause. */
  onFault: (error: unknown) => void = () => undefined;

  /** Gives the loop a refusal only after a pause. */
  protected override async moveToActive(
    ...args: Parameters<Worker["moveToActive"]>
  ): ReturnType<Worker["moveToActive"]> {
    try {
      return await super.moveToActive(...args);
    } catch (error) {
      this.onFault(error);
      if (!(error instanceof ReplyError)) throw error;
      // Ends early where this worker leaves, which a refusal must not hold up.
      await sleep(RETRY_MS, this.#leaving.signal);
      throw error;
    }
  }

  /**
   * BullMQ's loop would fail with a job whose data is no JSON, and leave it to be found stalled again and
   * again. One whose stalls cannot be counted would be lost with its worker.
   */
  protected override createJob(...[data, jobId]: Parameters<Worker["createJob"]>): Job {
    try {
      const job = super.createJob(data, jobId);
      if (!Number.isNaN(job.stalledCounter)) return job;
    } catch {
      // As below.
    }
    // No run has such data: it is refused as what cannot be read.
    return super.createJob({ ...data, data: "null" }, jobId);
  }

  /** BullMQ's own, while a job is delayed, is 10 s. It looks again for what is due after each read. */
  override get maximumBlockTimeout(): number {
    return BLOCK_S;
  }

  /** BullMQ's own default, after a blocking read that failed (a failover does that), is 5 s. */
  override delay(...[milliseconds = RETRY_MS, abort]: Parameters<Worker["delay"]>): Promise<void> {
    return super.delay(milliseconds, abort);
  }

  /**
   * Closes, as soon as it is written what became of each job, which BullMQ does some time after its
   * processor is done. Its own `close` waits for that without a bound; forced, it writes nothing more.
   */
  async leave(withinMs: number): Promise<void> {
    this.#leaving.abort();
    await within(withinMs, this.close());
    // Where that came first: what a forced close does, which cannot be asked for any more.
    await this.lockManager.close();
    await this.backend.close(true);
  }
}
