/**
 * Which workers take runs while one build takes the place of another.
 *
 * In a rollout the old workers leave one after the other, in whatever order the platform likes. A run that one of
 * them releases should not go to the next to leave. So the first worker that is told to leave says that its build
 * leaves. From then on the workers of that build take nothing while a worker of another build takes runs: they drain
 * side by side.
 *
 * Nobody waits for a build that is not there. The sign counts only beside a worker of another build that takes runs,
 * which each of them says twice a second; and it expires. The last sign wins, so that going back works like going on.
 */
import type { Logger, Part, RedisClient } from "@openclaw/runtime";

const LOOK_EVERY_MS = 500;
/** A build none of whose workers has said for so long that it takes runs does not. */
const TAKES_FOR_MS = 3_000;
/** The list of builds, behind the last word of any of them. */
const KEPT_MS = 60_000;

export interface BuildRosterOptions {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  /** The same for workers that are copies of each other. */
  readonly build: string;
  /** How long the sign that a build leaves lasts, in ms: longer than a worker drains. */
  readonly signMs: number;
  /** Whether this worker is to take runs, from now on. At first it does. */
  readonly onTakes: (takes: boolean) => void;
  readonly log: Pick<Logger, "info" | "debug">;
}

export class BuildRoster implements Part {
  readonly name = "build roster";
  readonly #options: BuildRosterOptions;
  readonly #builds: string;
  readonly #leaving: string;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #takes = true;
  #isDraining = false;
  /** When Redis last answered, on the monotonic clock. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: BuildRosterOptions) {
    this.#options = options;
    this.#builds = `${options.keyPrefix}{builds}`;
    this.#leaving = `${this.#builds}:leaving`;
  }

  /** Start it behind whatever takes runs: from here on others leave theirs to this worker. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Says that its build leaves, where another one takes runs. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#timer);
    const { redis, build, signMs, log } = this.#options;
    try {
      const others = await this.#others();
      if (others.length === 0) return;
      await redis.set(this.#leaving, build, "PX", signMs);
      log.info({ build, others }, "this build leaves");
    } catch (error) {
      // The others go on taking runs until they are told to leave themselves.
      log.debug({ build, err: error }, "not said that this build leaves");
    }
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { redis, build, log } = this.#options;
    try {
      const [leaving, others] = await Promise.all([redis.get(this.#leaving), this.#others()]);
      this.#decide(leaving !== build || others.length === 0);
      if (this.#takes && !this.#isDraining) await this.#say();
      this.#answeredAt = performance.now();
    } catch (error) {
      log.debug({ build, err: error }, "build roster not read");
      // The other build may have gone meanwhile.
      if (performance.now() - this.#answeredAt > TAKES_FOR_MS) this.#decide(true);
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
    const key = this.#takesKey(build);
    await redis
      .multi()
      .sadd(this.#builds, build)
      .pexpire(this.#builds, KEPT_MS)
      .set(key, "1", "PX", TAKES_FOR_MS)
      .exec();
  }

  /** The other builds that take runs. */
  async #others(): Promise<string[]> {
    const { redis, build } = this.#options;
    const others = (await redis.smembers(this.#builds)).filter((other) => other !== build);
    if (others.length === 0) return others;
    const takes = await redis.mget(others.map((other) => this.#takesKey(other)));
    const gone = others.filter((_, index) => takes[index] === null);
    // One that is only late says so again.
    if (gone.length > 0) await redis.srem(this.#builds, gone);
    return others.filter((_, index) => takes[index] !== null);
  }

  #takesKey(build: string): string {
    return `${this.#builds}:takes:${build}`;
  }
}
