/**
 * A user of protocol v2 as a good client makes one: asks, and when the connection closes, comes back and goes on
 * behind what it has, at whichever edge takes it.
 */
import { sleep } from "@openclaw/runtime/waits";
import { Refused, V2Client, type V2Fault, type V2Run } from "./v2-client.ts";

const PAUSE_MS = 100;
const COMES_BACK_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 150_000;
/** Not here, or not this moment: everything else is a failure. */
const NOT_NOW: ReadonlySet<string> = new Set(["already_resuming", "draining", "unavailable"]);

export interface FinishedRun {
  readonly prompt: string;
  readonly text: string;
  /** `done`, or the code of the error. */
  readonly outcome: string;
  readonly restarts: number;
  /** From the moment it was accepted. */
  readonly tookMs: number;
}

export class PersistentUser {
  readonly #url: string;
  readonly finished: FinishedRun[] = [];
  readonly faults: V2Fault[] = [];
  /** How often it had to come back. */
  reconnects = 0;
  #client: V2Client | undefined;

  /** @param url with a session of its own, which is what lets it resume */
  constructor(url: string) {
    this.#url = url;
  }

  /** Asks one question after the other until `leaving` aborts, the last answer to its end. */
  async keepAsking(next: () => { prompt: string; provider: string }, leaving: AbortSignal) {
    while (!leaving.aborted) await this.ask(next());
    this.#leave(this.#client);
  }

  async ask({ prompt, provider }: { prompt: string; provider: string }): Promise<void> {
    const run = await this.#begin(prompt, provider);
    const begunAt = performance.now();
    const deadline = begunAt + ENDS_WITHIN_MS;
    while (run.terminals.length === 0 && performance.now() < deadline) {
      if (this.#client?.closed) await this.#resume(run);
      await sleep(PAUSE_MS / 10);
    }
    const [terminal] = run.terminals;
    const outcome = terminal?.type === "error" ? terminal.code : (terminal?.type ?? "no end");
    const tookMs = Math.round(performance.now() - begunAt);
    this.finished.push({ prompt, text: run.text, outcome, restarts: run.restarts, tookMs });
  }

  async #begin(prompt: string, provider: string): Promise<V2Run> {
    for (;;) {
      const client = await this.#connected();
      try {
        return await client.run(prompt, provider);
      } catch (error) {
        // Nothing was promised: it is asked again, elsewhere.
        if (error instanceof Refused && !NOT_NOW.has(error.code)) throw error;
        this.#leave(client);
        await sleep(PAUSE_MS);
      }
    }
  }

  async #resume(run: V2Run): Promise<void> {
    const client = await this.#connected();
    // The connection may break again: the caller comes back once more.
    const resumed = await client.resume(run).catch(() => undefined);
    if (resumed && resumed.outcome !== "not_resumable") return;
    this.#leave(client);
    if (!resumed?.reason || NOT_NOW.has(resumed.reason)) return;
    throw new Error(`${run.id} is not resumable: ${resumed.reason}`);
  }

  async #connected(): Promise<V2Client> {
    if (this.#client && !this.#client.closed) return this.#client;
    if (this.#client) {
      this.#leave(this.#client);
      this.reconnects += 1;
    }
    const deadline = performance.now() + COMES_BACK_WITHIN_MS;
    for (;;) {
      try {
        this.#client = await V2Client.connect(this.#url);
        return this.#client;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  #leave(client: V2Client | undefined): void {
    if (!client) return;
    this.faults.push(...client.faults.splice(0));
    client.closed ??= { code: 1000, reason: "left" };
    client.close();
  }
}
