/** Where the launcher speaks: its own sentences, and its children's lines passed through. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export interface Output {
  out(line: string): void;
  err(line: string): void;
}

export const TERMINAL: Output = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

const LAST_LINES = 10;
/** Node writes the reason of a crash first, and the calls that led there behind it. */
const FIRST_ERROR_LINES = 10;

/**
 * One child's lines. They are held back until it is ready. If it does not become ready, its first errors and its last
 * lines explain the failure, once, below the sentence about it.
 */
export class ChildOutput {
  readonly #prefix: string;
  readonly #output: Output;
  readonly #tails: Readonly<Record<keyof Output, string[]>> = { out: [], err: [] };
  readonly #errorHead: string[] = [];
  #errorsBetween = 0;
  #held: (() => void)[] | undefined = [];

  constructor(name: string, output: Output) {
    this.#prefix = `[${name}]`;
    this.#output = output;
  }

  follow(stream: Readable | null, to: keyof Output): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => this.#take(line, to));
  }

  #take(line: string, to: keyof Output): void {
    this.#keep(line, to);
    const write = () => this.#output[to](`${this.#prefix} ${line}`);
    if (this.#held === undefined) write();
    else this.#held.push(write);
  }

  #keep(line: string, to: keyof Output): void {
    if (to === "err" && this.#errorHead.length < FIRST_ERROR_LINES) {
      this.#errorHead.push(line);
      return;
    }
    const tail = this.#tails[to];
    tail.push(line);
    if (tail.length <= LAST_LINES) return;
    tail.shift();
    if (to === "err") this.#errorsBetween += 1;
  }

  /** From here on lines pass through, those held back first. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const write of held) write();
  }

  /** Its last lines, and the first and last ones of its errors; indented to stand beneath a sentence. */
  get lastWords(): string {
    const { out, err } = this.#tails;
    const between = this.#errorsBetween > 0 ? [`... ${this.#errorsBetween} lines ...`] : [];
    return [...out, ...this.#errorHead, ...between, ...err].map((line) => `\n  ${line}`).join("");
  }
}
