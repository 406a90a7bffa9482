import { createInterface } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";

const CTRL_C = "\u0003";

/** What the user types: questions in turn, and Ctrl-C in between. */
export class Keyboard {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  #history: string[] = [];

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  /**
   * Asks for a line; several that are pasted at once are one. Answers `undefined` to Ctrl-C, Ctrl-D and
   * `stop`, by which the user leaves.
   */
  ask(prompt: string, stop: AbortSignal): Promise<string | undefined> {
    const lines: string[] = [];
    const terminal = createInterface({
      input: this.#input,
      output: this.#output,
      terminal: true,
      prompt,
      history: this.#history,
      signal: stop,
    });
    terminal.on("history", (history) => {
      this.#history = history;
    });
    terminal.on("line", (line) => {
      // What was pasted comes line by line, but within one turn.
      if (lines.push(line) === 1) setImmediate(() => terminal.close());
    });
    terminal.on("SIGINT", () => {
      lines.length = 0;
      this.#output.write("\n");
      terminal.close();
    });
    terminal.prompt();
    return new Promise((resolve) => {
      terminal.on("close", () => resolve(lines.length > 0 ? lines.join("\n") : undefined));
    });
  }

  /** Until the answered function is called, nothing that is typed is shown, and Ctrl-C calls `onInterrupt`. */
  watch(onInterrupt: () => void): () => void {
    const onData = (data: Buffer) => {
      if (data.toString().includes(CTRL_C)) onInterrupt();
    };
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#input.on("data", onData);
    return () => {
      this.#input.off("data", onData);
      this.#input.pause();
      this.#input.setRawMode(false);
    };
  }
}
