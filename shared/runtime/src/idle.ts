/**
 * Waiting until an owner is idle: a drain, or a client that is replaced once its last user has left.
 *
 * The owner says what idle means, and calls `check` whenever it may have become so.
 */
export class Idle {
  readonly #isIdle: () => boolean;
  #waiters: (() => void)[] = [];

  constructor(isIdle: () => boolean) {
    this.#isIdle = isIdle;
  }

  /** Call it behind the end of each piece of work. */
  check(): void {
    if (this.#waiters.length === 0 || !this.#isIdle()) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /**
   * Resolves once the owner is idle or `signal` aborts, at once where either is so already. Never rejects. Without
   * a signal, bound it with `within`.
   */
  async wait(signal?: AbortSignal): Promise<void> {
    if (this.#isIdle() || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
        wake();
      };
      this.#waiters.push(wake);
      signal?.addEventListener("abort", onAbort);
    });
  }
}
