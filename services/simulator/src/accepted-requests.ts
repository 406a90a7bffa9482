/** Requests that were accepted for later (202), and what asking for their results gives. */
import type { Refusal as HttpResponse } from "./profiles/dialect.ts";

/** Older ones are forgotten: hardly any client comes back for its result. */
const MAX_REMEMBERED = 1_000;

export class AcceptedRequests {
  readonly #results = new Map<string, HttpResponse>();

  add(requestId: string, result: HttpResponse): void {
    this.#results.set(requestId, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > MAX_REMEMBERED && oldest !== undefined) this.#results.delete(oldest);
  }

  resultOf(requestId: string): HttpResponse | undefined {
    return this.#results.get(requestId);
  }
}
