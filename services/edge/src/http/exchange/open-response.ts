import type { HttpResponse } from "uWebSockets.js";

/**
 * The raw response of one request, as long as it may be touched. The library crashes the process when a response is
 * touched after it was aborted or ended.
 */
export class OpenResponse {
  #response: HttpResponse | undefined;
  readonly #onOver: () => void;

  constructor(response: HttpResponse, onOver: () => void) {
    this.#response = response;
    this.#onOver = onOver;
  }

  /** Undefined once the response is over. */
  get current(): HttpResponse | undefined {
    return this.#response;
  }

  /** Sets what is called whenever the kernel took something, until the response is over. */
  onWritable(callback: () => void): void {
    const response = this.#response;
    response?.onWritable(() => {
      if (this.#response === response) callback();
      // uWebSockets.js must not write anything more for this event.
      return true;
    });
  }

  /** Answers the response for its last use; undefined if that has been. */
  finish(): HttpResponse | undefined {
    const response = this.#response;
    this.#response = undefined;
    if (response) this.#onOver();
    return response;
  }
}
