import { createInterface, type Interface } from "node:readline";
import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import type { Typed } from "./paste-reader.ts";

/**
 * A terminal without bracketed paste sends a paste as if it were typed. Its lines are told from a user's by
 * what comes at once behind them.
 */
const QUIET_MS = 50;

export interface QuestionOptions {
  readonly output: WriteStream;
  readonly prompt: string;
  readonly history: string[];
  readonly stop: AbortSignal;
  /** Before and behind a stop by Ctrl-Z, the terminal is to be as the shell wants it. */
  readonly onRawMode: (isRaw: boolean) => void;
}

/** One question, being typed: a line, or as many as are pasted. */
export class Question {
  readonly terminal: Interface;
  readonly #options: QuestionOptions;
  readonly #keys = new PassThrough();
  #lines: string[] = [];
  #isPasting = false;
  /** The last line was ended by Enter, as far as one can tell. */
  #isEntered = false;
  #isSent = false;
  #quiet: NodeJS.Timeout | undefined;

  constructor(options: QuestionOptions) {
    this.#options = options;
    const { output, prompt, history, stop } = options;
    const input = Object.assign(this.#keys, {
      setRawMode: (isRaw: boolean) => {
        // Behind a question that was sent the answer comes.
        if (!this.#isSent) options.onRawMode(isRaw);
      },
    });
    this.terminal = createInterface({
      ...{ input, output, terminal: true, prompt, history, signal: stop },
    });
    this.terminal.on("line", (line) => this.#onLine(line));
    this.terminal.on("SIGINT", () => {
      this.#lines = [];
      output.write("\n");
      this.terminal.close();
    });
    this.terminal.on("close", () => clearTimeout(this.#quiet));
    this.terminal.prompt();
  }

  /** `undefined` if the user left without a question. */
  get text(): string | undefined {
    const isAsked = this.#lines.length > 0 && !this.#options.stop.aborted;
    return isAsked ? this.#lines.join("\n") : undefined;
  }

  /** Whether it was sent, rather than the terminal left. */
  get isSent(): boolean {
    return this.#isSent;
  }

  take({ type, text }: Typed): void {
    clearTimeout(this.#quiet);
    this.#isPasting = type === "pasted";
    if (this.#isPasting) {
      this.#isEntered = false;
      this.terminal.write(text);
    }
    // Not by way of the stream's own queue, in which a paste would overtake it.
    else this.#keys.emit("data", Buffer.from(text));
    if (this.#isEntered) this.#quiet = setTimeout(() => this.#onQuiet(), QUIET_MS);
  }

  #onLine(line: string): void {
    this.#lines.push(line);
    this.#isEntered = !this.#isPasting;
    // What follows belongs to the same question.
    this.terminal.setPrompt("");
  }

  #onQuiet(): void {
    // An unfinished line behind others is the end of a paste, and has yet to be sent.
    if (this.terminal.line !== "") return;
    this.#isSent = true;
    this.terminal.close();
  }
}
