/**
 * An account that was refused (its key, its quota, its model) is left alone, and asked again ever more
 * rarely: mostly somebody has to mend something first, but a provider may also have erred.
 */
import type { ErrorCode } from "@openclaw/protocol";

const FIRST_LOOK_MS = 500;
/** What the first look itself may usually take. */
const DOUBT_MS = 1_000;

export class AccountRefusal {
  readonly #probe: (code: ErrorCode) => Promise<void>;
  #code: ErrorCode | undefined;
  /** When it is looked at for the first time, on the monotonic clock; until then it may be an error. */
  #firstLookAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param probe throws while the account is refused; bounded in time */
  constructor(probe: (code: ErrorCode) => Promise<void>) {
    this.#probe = probe;
  }

  /** What it was refused for; undefined while it is not. */
  get code(): ErrorCode | undefined {
    return this.#code;
  }

  /** For how long it is not known whether the refusal stands; 0 once that is known. */
  get inDoubtMs(): number {
    return Math.max(0, Math.ceil(this.#firstLookAt - performance.now()));
  }

  /**
   * It was refused just now.
   *
   * @param mostMs longest time between two looks at it
   * @returns false where that was known
   */
  refused(code: ErrorCode, mostMs: number): boolean {
    if (this.#code !== undefined) return false;
    this.#code = code;
    this.#firstLookAt = performance.now() + FIRST_LOOK_MS + DOUBT_MS;
    this.#lookAfter(FIRST_LOOK_MS, mostMs);
    return true;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #lookAfter(delayMs: number, mostMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#look(delayMs, mostMs), delayMs).unref();
  }

  async #look(delayMs: number, mostMs: number): Promise<void> {
    const code = this.#code;
    if (code === undefined) return;
    try {
      await this.#probe(code);
      this.#code = undefined;
    } catch {
      // Still refused, or out of reach: looked at again, later.
      this.#lookAfter(Math.min(2 * delayMs, mostMs), mostMs);
    }
  }
}
