/** A run as its user has it. */

import type { OpenRun } from "./open-run.ts";
import { readEvents, readText } from "./reading.ts";
import type { RunEvent, RunResult } from "./run-event.ts";

/**
 * One answer, on its way. It can be read in several ways, each from the beginning:
 *
 * - `for await (const delta of run)`: the text as it comes. Leaving the loop early cancels the run.
 *   If an attempt is lost and the next one repeats the text so far, the loop goes on. Else it throws a
 *   `RestartedError`; another loop over the same run then begins with the new text.
 * - `run.events()`: everything, `restarted` included.
 * - `await run.text()` and `await run.result`: the whole answer, of one attempt.
 *
 * Each fails with a `GatewayError`. None has to be used: an answer is held once, however slowly it is
 * read, and never grows beyond what a gateway keeps of it.
 */
export class Run implements AsyncIterable<string> {
  readonly #open: OpenRun;
  #result: Promise<RunResult> | undefined;

  /** @internal */
  constructor(open: OpenRun) {
    this.#open = open;
  }

  /** The gateway's name for it, once it was accepted. */
  get id(): string | undefined {
    return this.#open.id;
  }

  /** The answer when it is whole. */
  get result(): Promise<RunResult> {
    if (!this.#result) {
      this.#result = wholeOf(this.#open);
      // The owner of the promise gets the failure; to ask for the promise alone must not end the process.
      this.#result.catch(() => undefined);
    }
    return this.#result;
  }

  /** The text when it is whole. */
  text(): Promise<string> {
    const text = this.result.then((result) => result.text);
    // As with `result`.
    text.catch(() => undefined);
    return text;
  }

  /** What the model thinks, as it comes; where it does not say, this ends with the run. */
  get reasoning(): AsyncIterable<string> {
    return readText(this.#open.answer, "reasoning");
  }

  /** Everything that happens to it. Leaving early changes nothing for the run. */
  events(): AsyncIterable<RunEvent> {
    return readEvents(this.#open.answer);
  }

  /**
   * Ends the run: here at once, and at the gateway once it receives the request. Does nothing to a run that has
   * ended.
   */
  cancel(): void {
    this.#open.cancel();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, void> {
    let isLeft = true;
    try {
      yield* readText(this.#open.answer, "delta");
      isLeft = false;
    } catch (error) {
      isLeft = false;
      throw error;
    } finally {
      if (isLeft) this.cancel();
    }
  }
}

async function wholeOf({ answer }: OpenRun): Promise<RunResult> {
  while (!answer.end) await answer.changed();
  if ("error" in answer.end) throw answer.end.error;
  return answer.end.result;
}
