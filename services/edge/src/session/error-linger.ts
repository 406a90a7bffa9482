/**
 * Old v1 clients know `done` and nothing else: behind an error they wait for the next frame for ever, and so does
 * whoever waits for them. A connection that is closed wakes them. Others have read the error and may ask again.
 */
export interface ErrorLingerOptions {
  /** How long a client may say nothing behind an error; 0: for ever. */
  readonly errorLingerMs: number;
  readonly onOver: () => void;
}

export class ErrorLinger {
  readonly #options: ErrorLingerOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ErrorLingerOptions) {
    this.#options = options;
  }

  /** The client was told of an error, and nothing of it waits for an answer. */
  begin(): void {
    const { errorLingerMs, onOver } = this.#options;
    this.end();
    if (errorLingerMs === 0) return;
    this.#timer = setTimeout(() => {
      this.end();
      onOver();
    }, errorLingerMs).unref();
  }

  /** The client said something: its time starts again. */
  heard(): void {
    if (this.#timer) this.begin();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
