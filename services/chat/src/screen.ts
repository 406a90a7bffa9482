/** As much of a process's output as is needed here. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ScreenOptions {
  /** Where answers go. */
  readonly answers: Output;
  /** Where goes what is about them. */
  readonly notes: Output;
  /** Whether a terminal may be sent escape sequences that style text. */
  readonly styled: boolean;
}

/**
 * The characters that a model must not send to a terminal: all control characters but tab and line feed. With them it
 * could move the cursor, change the title, or write into the clipboard.
 */
const CONTROL = /(?![\t\n])\p{Cc}/gu;

/** What the user sees: answers, notes about them, and one line that comes and goes. */
export class Screen {
  readonly #options: ScreenOptions;
  /** Whether the cursor stands behind text. */
  #isMidLine = false;
  /** Characters of the status that stands there. */
  #statusLength = 0;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** A piece of an answer. */
  text(piece: string): void {
    this.status("");
    const { answers } = this.#options;
    const shown = answers.isTTY ? piece.replace(CONTROL, "") : piece;
    if (shown === "") return;
    answers.write(shown);
    this.#isMidLine = !shown.endsWith("\n");
  }

  /** A line of its own about the answers, dim. */
  note(line: string): void {
    this.status("");
    this.endLine();
    this.#options.notes.write(`${this.#dim(line)}\n`);
  }

  /** What is going on right now, until something else is shown; only where it can be taken back. */
  status(line: string): void {
    const { notes } = this.#options;
    if (!notes.isTTY || this.#isMidLine || (line === "" && this.#statusLength === 0)) return;
    // Written over with blanks, which every terminal has.
    notes.write(`\r${" ".repeat(this.#statusLength)}\r${line && this.#dim(line)}`);
    this.#statusLength = line.length;
  }

  endLine(): void {
    if (this.#isMidLine) this.#options.answers.write("\n");
    this.#isMidLine = false;
  }

  #dim(line: string): string {
    const { notes, styled } = this.#options;
    // What a provider says of an error ends up in lines like these.
    const shown = line.replace(CONTROL, "");
    return styled && notes.isTTY ? `\u001b[2m${shown}\u001b[22m` : shown;
  }
}
