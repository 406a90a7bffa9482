/**
 * What the user types: questions in turn, and Ctrl-C in between.
 *
 * A terminal hands over what is typed or pasted in pieces of some 4 KB, whenever it likes. So one reader has
 * the input from beginning to end: what no question takes is kept for the next one, and nothing is lost.
 */
import { StringDecoder } from "node:string_decoder";
import type { ReadStream, WriteStream } from "node:tty";
import { BRACKETED_PASTE, CTRL_C, PasteReader, type Typed } from "./paste-reader.ts";
import { Question } from "./question.ts";

/** So long the rest of an escape sequence may take, else it was the key Escape. */
const ESCAPE_MS = 50;
/** More than any gateway takes, waiting for its turn. Then the terminal itself has to wait. */
const MOST_KEPT = 8 * 1024 * 1024;

export interface KeyboardOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Whether the terminal understands escape sequences. */
  readonly escapes: boolean;
}

export class Keyboard {
  readonly #options: KeyboardOptions;
  readonly #decoder = new StringDecoder();
  readonly #reader = new PasteReader();
  /** Keys that came while no question was open. */
  #kept: Typed[] = [];
  #keptLength = 0;
  /** Takes the keys, while a question is open. */
  #taker: ((typed: Typed) => void) | undefined;
  #flushing: NodeJS.Timeout | undefined;
  #history: string[] = [];
  #isRaw = false;
  /** The user has left, or the terminal. */
  #isOver = false;
  #onOver: () => void = () => undefined;

  constructor(options: KeyboardOptions) {
    this.#options = options;
    const { input } = options;
    this.#setRaw(true);
    input.on("data", this.#onData);
    input.on("end", this.#onEnd);
    input.resume();
    process.once("exit", this.#restore);
  }

  /**
   * Asks for a line; several that are pasted are one. Answers `undefined` to Ctrl-C, Ctrl-D and `stop`, by
   * which the user leaves.
   */
  ask(prompt: string, stop: AbortSignal): Promise<string | undefined> {
    if (this.#isOver || stop.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const question = new Question({
        ...{ prompt, stop, output: this.#options.output, history: this.#history },
        onRawMode: (isRaw) => this.#setRaw(isRaw),
      });
      question.terminal.on("history", (history) => {
        this.#history = history;
      });
      question.terminal.on("close", () => {
        this.#taker = undefined;
        this.#isOver ||= !question.isSent;
        resolve(question.text);
      });
      this.#onOver = () => question.terminal.close();
      this.#take((typed) => question.take(typed));
    });
  }

  /**
   * Until the answered function is called, nothing that is typed is shown, and Ctrl-C calls `onInterrupt`. As in
   * every terminal, it also takes back what was typed before it; the rest is kept for the next question.
   */
  watch(onInterrupt: () => void): () => void {
    this.#take((typed) => {
      const at = typed.type === "keys" ? typed.text.lastIndexOf(CTRL_C) : -1;
      if (at >= 0) this.#forget();
      this.#keep({ ...typed, text: typed.text.slice(at + 1) });
      if (at >= 0) onInterrupt();
    });
    return () => {
      this.#taker = undefined;
    };
  }

  /** Gives the terminal back as it was. */
  close(): void {
    const { input } = this.#options;
    this.#isOver = true;
    clearTimeout(this.#flushing);
    input.off("data", this.#onData);
    input.off("end", this.#onEnd);
    input.pause();
    process.off("exit", this.#restore);
    this.#restore();
  }

  readonly #restore = (): void => this.#setRaw(false);

  readonly #onData = (data: Buffer): void => {
    clearTimeout(this.#flushing);
    for (const typed of this.#reader.read(this.#decoder.write(data))) this.#pass(typed);
    this.#flushing = setTimeout(() => {
      for (const typed of this.#reader.flush()) this.#pass(typed);
    }, ESCAPE_MS);
  };

  readonly #onEnd = (): void => {
    this.#isOver = true;
    this.#onOver();
  };

  /** Has what was kept, and what comes, taken by `taker`. */
  #take(taker: (typed: Typed) => void): void {
    const kept = this.#kept;
    this.#forget();
    this.#taker = taker;
    for (const typed of kept) this.#pass(typed);
    this.#options.input.resume();
  }

  #pass(typed: Typed): void {
    if (this.#taker) this.#taker(typed);
    else this.#keep(typed);
  }

  #keep(typed: Typed): void {
    if (typed.text === "") return;
    this.#kept.push(typed);
    this.#keptLength += typed.text.length;
    if (this.#keptLength > MOST_KEPT) this.#options.input.pause();
  }

  #forget(): void {
    this.#kept = [];
    this.#keptLength = 0;
  }

  /** Whether keys are to be handed over as they are typed, unseen, and pastes as such. */
  #setRaw(isRaw: boolean): void {
    if (isRaw === this.#isRaw) return;
    this.#isRaw = isRaw;
    this.#options.input.setRawMode(isRaw);
    this.#write(isRaw ? BRACKETED_PASTE.on : BRACKETED_PASTE.off);
  }

  #write(sequence: string): void {
    if (this.#options.escapes) this.#options.output.write(sequence);
  }
}
