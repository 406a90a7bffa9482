/**
 * Which workers take runs while one build takes the place of another.
 *
 * In a rollout the old workers leave one after the other, in whatever order the platform likes. A run that one of
 * them releases should not go to the next to leave. So the first worker that is told to leave sets a sign in Redis:
 * its build leaves. From then on the workers of that build take nothing while a worker of another build takes runs:
 * they drain side by side.
 *
 * Twice a second each worker says that it is here, and, unless the sign holds it back, that it takes runs.
 *
 * - Only a build that takes runs holds another one back. Were the held ones to count, two builds could wait for each
 *   other.
 * - A leaving worker sets the sign beside any build that is here, held back or not. So going back works like going on:
 *   the last sign wins, and the workers that it no longer names take runs at their next look.
 * - A leaving worker ends the word of its build at once, and the others of its build repeat it. So no build is held
 *   back by one whose last worker has left. Only a killed worker is believed until its word expires.
 * - The sign expires as well.
 */
import type { Component, Logger, RedisClient } from "@openclaw/runtime";

const LOOK_EVERY_MS = 500;
/** How long the word of a worker is believed. */
const WORD_MS = 3_000;
/** The list of builds, behind the last word of any of them. */
const KEPT_MS = 60_000;

/** What a worker says of itself: that it is here, and that it takes runs. */
const WORDS = ["here", "takes"] as const;
type Word = (typeof WORDS)[number];

export interface BuildRosterOptions {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  /** The same for workers that are copies of each other. */
  readonly build: string;
  /** How long the sign that a build leaves lasts behind the order to leave, in ms: longer than a worker drains. */
  readonly signMs: number;
  /** How long others believe that this worker is here, in ms; 3,000 unless given. */
  readonly wordMs?: number;
  /** Whether this worker is to take runs, from now on. At first it does. */
  readonly onTakes: (takes: boolean) => void;
  readonly log: Pick<Logger, "info" | "debug">;
}

export class BuildRoster implements Component {
  readonly name = "build roster";
  readonly #options: BuildRosterOptions;
  readonly #builds: string;
  readonly #leaving: string;
  readonly #wordMs: number;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #takes = true;
  #isDraining = false;
  #isStopped = false;
  /** When Redis last answered, on the monotonic clock. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: BuildRosterOptions) {
    this.#options = options;
    this.#builds = `${options.keyPrefix}{builds}`;
    this.#leaving = `${this.#builds}:leaving`;
    this.#wordMs = options.wordMs ?? WORD_MS;
  }

  /** Start it behind whatever takes runs: from here on others leave theirs to this worker. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /**
   * Says that its build leaves, where a worker of another one is here. Resolves after the first look; looks on until
   * `stop`, as Redis may be away, or the other build not up yet.
   */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    clearInterval(this.#timer);
    await this.#leave(performance.now() + this.#options.signMs, { isFirst: true });
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** @param until when the sign expires, on the monotonic clock */
  async #leave(until: number, { isFirst = false } = {}): Promise<void> {
    const { build, log } = this.#options;
    const signMs = Math.round(until - performance.now());
    if (signMs <= 0) return;
    try {
      if (await this.#sign({ signMs, isFirst })) return;
    } catch (error) {
      // The others go on taking runs meanwhile.
      log.debug({ build, err: error }, "not said that this build leaves");
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#leave(until), LOOK_EVERY_MS);
  }

  /** @returns whether a worker of another build is here to be told */
  async #sign({ signMs, isFirst }: { signMs: number; isFirst: boolean }): Promise<boolean> {
    const { redis, build, log } = this.#options;
    const others = await this.#others();
    // Once only: the others of this build repeat what is deleted here.
    if (isFirst) await redis.del(this.#word("here", build), this.#word("takes", build));
    if (others.length === 0) return false;
    await redis.set(this.#leaving, build, "PX", signMs);
    log.info({ build, others: others.map((other) => other.build) }, "this build leaves");
    return true;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { redis, build, log } = this.#options;
    try {
      const [leaving, others] = await Promise.all([redis.get(this.#leaving), this.#others()]);
      this.#decide(leaving !== build || !others.some(({ takes }) => takes));
      if (!this.#isDraining) await this.#say();
      this.#answeredAt = performance.now();
    } catch (error) {
      log.debug({ build, err: error }, "build roster not read");
      // The other build may have gone meanwhile.
      if (performance.now() - this.#answeredAt > this.#wordMs) this.#decide(true);
    } finally {
      this.#looking = false;
    }
  }

  #decide(takes: boolean): void {
    if (takes === this.#takes || this.#isDraining) return;
    this.#takes = takes;
    const { build, onTakes, log } = this.#options;
    log.info({ build }, takes ? "taking runs again" : "taking no more runs, another build does");
    onTakes(takes);
  }

  async #say(): Promise<void> {
    const { redis, build } = this.#options;
    const said = redis
      .multi()
      .sadd(this.#builds, build)
      .pexpire(this.#builds, KEPT_MS)
      .set(this.#word("here", build), "1", "PX", this.#wordMs);
    if (this.#takes) said.set(this.#word("takes", build), "1", "PX", this.#wordMs);
    await said.exec();
  }

  /** The other builds of which a worker is here, and whether one of them takes runs. */
  async #others(): Promise<{ readonly build: string; readonly takes: boolean }[]> {
    const { redis, build } = this.#options;
    const others = (await redis.smembers(this.#builds)).filter((other) => other !== build);
    if (others.length === 0) return [];
    const [here = [], takes = []] = await Promise.all(
      WORDS.map((word) => redis.mget(others.map((other) => this.#word(word, other)))),
    );
    const gone = others.filter((_, index) => here[index] === null);
    // A build that is only late says so again.
    if (gone.length > 0) await redis.srem(this.#builds, gone);
    return others
      .map((other, index) => ({ build: other, takes: takes[index] !== null }))
      .filter((_, index) => here[index] !== null);
  }

  #word(word: Word, build: string): string {
    return `${this.#builds}:${word}:${build}`;
  }
}
