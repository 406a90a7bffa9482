/**
 * The answers of the collector. The exporter hides them. It names no status after which it tries again, and takes
 * rejected spans and the page of a web server for success.
 *
 * So its HTTP requests are watched on Node's own channel, where they are known by their `User-Agent`.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";

const REQUESTS = "http.client.request.start";
const USER_AGENT = "OTel-OTLP-Exporter-JavaScript/";
/** An answer of a collector has some dozens of bytes. */
const MOST_BYTES = 16_384;

export interface CollectorAnswer {
  readonly status: number;
  /** Spans of the request that it did not take, although the status is one of success. */
  readonly rejected: number;
  /** Whether it is a page for browsers. */
  readonly isPage: boolean;
}

export class CollectorAnswers {
  #last: CollectorAnswer | undefined;
  readonly #onRequest = (message: unknown) => {
    const { request } = message as { readonly request: ClientRequest }; // what this channel carries
    if (!String(request.getHeader("user-agent")).includes(USER_AGENT)) return;
    request.once("response", (response) => this.#listen(response));
  };

  constructor() {
    subscribe(REQUESTS, this.#onRequest);
  }

  /** The last one since `forget`; it is here before the exporter tells its result. */
  get last(): CollectorAnswer | undefined {
    return this.#last;
  }

  forget(): void {
    this.#last = undefined;
  }

  stop(): void {
    unsubscribe(REQUESTS, this.#onRequest);
  }

  /** Begins in the same tick as the exporter, so both read all of it. */
  #listen(response: IncomingMessage): void {
    const { statusCode: status = 0, headers } = response;
    const type = headers["content-type"] ?? "";
    this.#last = { status, rejected: 0, isPage: type.startsWith("text/html") };
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MOST_BYTES) chunks.push(chunk);
    });
    response.prependListener("end", () => {
      const rejected = bytes <= MOST_BYTES ? rejectedIn(Buffer.concat(chunks).toString()) : 0;
      if (this.#last) this.#last = { ...this.#last, rejected };
    });
  }
}

/** OTLP writes 64-bit numbers as text; both are read. */
function rejectedIn(body: string): number {
  try {
    const { partialSuccess } = JSON.parse(body) as {
      readonly partialSuccess?: { readonly rejectedSpans?: unknown };
    };
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return rejected > 0 ? rejected : 0;
  } catch {
    return 0; // Nothing, or no JSON: it rejects nothing.
  }
}
