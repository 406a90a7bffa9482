/**
 * Closes the connection of a v1 client that sends nothing after an error.
 *
 * Old v1 clients know only `done`. After an error they wait for the next frame for ever. A closed connection wakes
 * them. Other clients have read the error and may ask again.
 */
export interface ErrorLingerOptions {
  /** How long a client may be silent after an error; 0: for ever. */
  readonly errorLingerMs: number;
  readonly onOver: () => void;
}

export class ErrorLinger {
  readonly #options: ErrorLingerOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ErrorLingerOptions) {
    this.#options = options;
  }

  /** The client was sent an error, and none of its messages waits for an answer. */
  begin(): void {
    const { errorLingerMs, onOver } = this.#options;
    this.end();
    if (errorLingerMs === 0) return;
    this.#timer = setTimeout(() => {
      this.end();
      onOver();
    }, errorLingerMs).unref();
  }

  /** The client sent something: its time starts again. */
  heard(): void {
    if (this.#timer) this.begin();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
