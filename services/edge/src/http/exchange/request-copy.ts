import type { HttpRequest } from "uWebSockets.js";

/**
 * A copy of the head of a request. uWebSockets.js only lends it: it is gone when the handler of the route returns.
 */
export class RequestCopy {
  /** In lower case. */
  readonly method: string;
  /** Without its query, as it was sent. */
  readonly url: string;
  /** The path, decoded; empty if its percent-encoding is invalid. */
  readonly path: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #parameters: readonly string[];
  readonly #query: URLSearchParams;

  constructor(request: HttpRequest) {
    this.method = request.getMethod();
    const headers: Record<string, string> = {};
    request.forEach((name, value) => {
      headers[name] = value;
    });
    this.#headers = headers;
    this.#parameters = [decode(request.getParameter(0)), decode(request.getParameter(1))];
    this.url = request.getUrl();
    this.path = decode(this.url);
    this.#query = new URLSearchParams(request.getQuery());
  }

  /** A header by its lower-case name; undefined if it is missing. */
  header(name: string): string | undefined {
    return this.#headers[name];
  }

  /**
   * A parameter of the route by its index; empty if it is missing or its percent-encoding is invalid.
   */
  parameter(index: 0 | 1): string {
    return this.#parameters[index] ?? "";
  }

  query(name: string): string | undefined {
    return this.#query.get(name) ?? undefined;
  }
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return "";
  }
}
