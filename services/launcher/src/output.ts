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

const KEPT_LINES = 10;

/**
 * One child's lines. They are held back until it is ready: if it never gets there, the last of
 * them explain the failure, once, beneath the sentence that says so.
 */
export class ChildOutput {
  readonly #prefix: string;
  readonly #output: Output;
  readonly #tail: string[] = [];
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
    this.#tail.push(line);
    if (this.#tail.length > KEPT_LINES) this.#tail.shift();
    const write = () => this.#output[to](`${this.#prefix} ${line}`);
    if (this.#held === undefined) write();
    else this.#held.push(write);
  }

  /** From here on lines pass through, those held back first. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const write of held) write();
  }

  /** Its last lines, indented to stand beneath a sentence. */
  get lastWords(): string {
    return this.#tail.map((line) => `\n  ${line}`).join("");
  }
}
