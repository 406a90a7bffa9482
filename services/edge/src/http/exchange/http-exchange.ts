/**
 * One HTTP request and its response as the rest of the edge sees it: safe to use at any time, even after
 * the client is gone.
 *
 * uWebSockets.js crashes the process when a response is touched after it was aborted or ended, and every
 * answer arrives long after the request. It keeps what the kernel does not take in a buffer without a
 * bound, so whoever writes here stops at `false`. Once it is told that somebody waits for room, it sends
 * what it has kept only together with the next write: hence the comment in `#onWritable`. And it cuts a
 * connection that has taken nothing for 10 s after the last write, hence the one in `sweep`.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { randomUUID } from "node:crypto";
import { type Failure, failure } from "@openclaw/protocol";
import type { ByteBudget } from "../../admission/byte-budget.ts";
import { BodyReader, type BodyRefusal } from "./body-reader.ts";
import { type Headers, type HttpStatus, writeHead } from "./http-head.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { RequestCopy } from "./request-copy.ts";

export interface HttpExchangeOptions {
  /** Of the reply, whatever it is. */
  readonly headers: Headers;
  /** How long a client may leave a full connection unread before it is cut. */
  readonly slowConsumerMs: number;
  /** One was cut. */
  readonly onSlowConsumer: () => void;
  /** How long a stream may be silent before a comment shows that it is alive. */
  readonly keepAliveAfterMs: number;
  /** Whether the connection is to be closed after the response, since this edge is leaving. */
  readonly isLeaving: () => boolean;
  /** What the bodies of all requests may take that have not been read yet. */
  readonly inbound: ByteBudget;
  /** A request is refused for want of room. */
  readonly onRefused: (reason: Failure) => void;
  /** The exchange is over, one way or another. */
  readonly onOver: (exchange: HttpExchange) => void;
}

/** What is never to be kept by a cache in between, and JSON unless said otherwise. */
const COMMON_HEADERS: Headers = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
};

const STREAM_HEADERS: Headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // For nginx, which would gather the stream into pages.
  "x-accel-buffering": "no",
};

/** In UTF-16 units: what the kernel takes at once of any response. */
const SMALL_BODY = 16_384;

/**
 * Lines that begin with a colon are comments of the event stream format. Without an empty line behind it: some
 * clients take each of those for the end of an event.
 */
const COMMENT = ":\n";

export class HttpExchange {
  readonly request: RequestCopy;
  readonly #options: HttpExchangeOptions;
  #response: HttpResponse | undefined;
  #isStream = false;
  #mustClose = false;
  /** While the request's body comes. */
  #reader: BodyReader | undefined;
  /** What a stream of this exchange begins with. */
  #streamHeaders: Headers | undefined;
  #onDrain: () => void = ignore;
  #onGone: () => void = ignore;
  #onLeaving: () => void = ignore;
  /** Since when the client has not taken what was written. */
  #fullSince: number | undefined;
  /** A body that the client has not taken all of; nothing else will be written. */
  #body: Buffer | undefined;
  /** The stream is over as soon as the client has taken what was written. */
  #isEnding = false;
  #wroteAt = performance.now();

  /** Must be made within the route's handler: the request is only valid there. */
  constructor(response: HttpResponse, request: HttpRequest, options: HttpExchangeOptions) {
    this.#response = response;
    this.#options = options;
    this.request = new RequestCopy(request);
    response.onAborted(() => this.#gone());
  }

  get isOpen(): boolean {
    return this.#response !== undefined;
  }

  /** Whether the status and headers of a stream are out: what goes wrong now cannot be a status any more. */
  get isStreaming(): boolean {
    return this.#isStream;
  }

  /** Sets what is called when the client goes away before the response is whole. */
  onGone(callback: () => void): void {
    this.#onGone = callback;
  }

  /** Sets what is called when this edge begins to leave, or calls it if it has begun. */
  onLeaving(callback: () => void): void {
    if (this.#options.isLeaving()) callback();
    else this.#onLeaving = callback;
  }

  /** This edge begins to leave. */
  leave(): void {
    this.#onLeaving();
  }

  /** Sets what is called when a full stream can take more again. */
  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  /**
   * Reads the request's body, unless it is longer than `maxBytes`, there is no room for it, it is late, or the client
   * leaves. The caller releases the body.
   */
  async body(maxBytes: number): Promise<IncomingBody | BodyRefusal> {
    const response = this.#response;
    if (!response) return "gone";
    return new Promise((resolve) => {
      const reader = new BodyReader({
        contentLength: this.request.header("content-length"),
        maxBytes,
        budget: this.#options.inbound,
        onOver: (outcome) => {
          this.#reader = undefined;
          this.#onGone = ignore;
          // Some of it is still to come, and would be read as the next request's.
          this.#mustClose = outcome === "late" || reader.isCutShort;
          if (outcome === "no_room") this.#options.onRefused(failure("overloaded"));
          resolve(outcome);
        },
      });
      this.#reader = reader;
      this.#onGone = () => reader.gone();
      response.onData((chunk, isLast) => reader.add(chunk, isLast));
    });
  }

  /**
   * Sends the whole response: `body` as JSON, or as it is where it is a string. The exchange is over when
   * the client has taken it.
   */
  reply(status: HttpStatus, body: unknown, headers: Headers = {}): void {
    if (this.#body) return;
    // What has no body must not get one: it would be taken for the next response of the connection.
    if (this.request.method === "head") {
      this.replyEmpty(status, headers);
      return;
    }
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const all = { ...COMMON_HEADERS, ...this.#named(headers) };
    if (text.length > SMALL_BODY) this.#replyAtLength(status, Buffer.from(text), all);
    else {
      const response = this.#over();
      response?.cork(() => {
        writeHead(response, status, all);
        response.end(text, this.#closes);
      });
    }
  }

  #replyAtLength(status: HttpStatus, body: Buffer, headers: Headers): void {
    const response = this.#response;
    if (!response) return;
    this.#body = body;
    response.onWritable(() => this.#onWritable(response));
    response.cork(() => {
      writeHead(response, status, { ...headers, ...this.#closing });
      this.#sendBody(response);
    });
  }

  /** Sends a response without a body. */
  replyEmpty(status: HttpStatus, headers: Headers = {}): void {
    const response = this.#over();
    response?.cork(() => {
      writeHead(response, status, { ...this.#named(headers), ...this.#closing });
      // With any argument, uWebSockets.js says how long a body would be, and an undefined length is 2^63.
      response.endWithoutBody();
    });
  }

  /**
   * Makes this a stream of server-sent events that begins with the first `write`, or with the first
   * comment that a long silence makes necessary.
   */
  stream(headers: Headers): void {
    this.#streamHeaders = { ...STREAM_HEADERS, ...this.#named(headers) };
  }

  /** Writes to the stream. Answers whether it can take more; after `false`, wait for `onDrain`. */
  write(text: string): boolean {
    const response = this.#response;
    if (!response) return false;
    let hasRoom = false;
    response.cork(() => {
      this.#begin(response);
      hasRoom = response.write(text);
    });
    this.#wroteAt = performance.now();
    if (!hasRoom) this.#fullSince ??= this.#wroteAt;
    return hasRoom && this.#fullSince === undefined;
  }

  /** Groups what is written inside `act` into one system call. */
  cork(act: () => void): void {
    if (this.#response) this.#response.cork(act);
    else act();
  }

  /**
   * Ends the stream as it should. The connection stays: told to close it, uWebSockets.js would write that
   * header into the body.
   */
  end(): void {
    if (this.#fullSince !== undefined) {
      this.#isEnding = true;
      return;
    }
    const response = this.#over();
    response?.cork(() => {
      this.#begin(response);
      response.end();
    });
  }

  /** Called now and then: shows that a stream is alive, and cuts a client that does not read. */
  sweep(now: number): void {
    const { slowConsumerMs, keepAliveAfterMs } = this.#options;
    this.#reader?.sweep(now);
    if (this.#fullSince !== undefined) {
      if (now - this.#fullSince > slowConsumerMs) this.#giveUp();
      else this.#push();
    } else if (this.#streamHeaders && now - this.#wroteAt > keepAliveAfterMs) this.write(COMMENT);
  }

  #giveUp(): void {
    this.#options.onSlowConsumer();
    // Aborts the response, which then is gone.
    this.#response?.close();
  }

  /** Every response can be named to the operator: by its run's id, or by one of its own. */
  #named(headers: Headers): Headers {
    return { "x-request-id": randomUUID(), ...this.#options.headers, ...headers };
  }

  get #closes(): boolean {
    return this.#mustClose || this.#options.isLeaving();
  }

  #begin(response: HttpResponse): void {
    if (this.#isStream) return;
    this.#isStream = true;
    response.onWritable(() => this.#onWritable(response));
    writeHead(response, 200, { ...(this.#streamHeaders ?? STREAM_HEADERS), ...this.#closing });
  }

  get #closing(): Headers {
    return this.#closes ? { connection: "close" } : {};
  }

  /** The kernel took something. True: nothing more is to be said of it. */
  #onWritable(response: HttpResponse): boolean {
    if (this.#response === response) this.#push();
    return true;
  }

  /** Has uWebSockets.js try to send what it has kept; where nothing is left of it there is room again. */
  #push(): void {
    const response = this.#response;
    let isEmpty = false;
    response?.cork(() => {
      if (this.#body) this.#sendBody(response);
      else isEmpty = response.write(COMMENT);
    });
    if (!isEmpty || this.#fullSince === undefined) return;
    this.#fullSince = undefined;
    if (this.#isEnding) this.end();
    else this.#onDrain();
  }

  /** Sends what the kernel takes of the body, from where it stands. */
  #sendBody(response: HttpResponse): void {
    const body = this.#body;
    if (!body) return;
    const [, isWhole] = response.tryEnd(body.subarray(response.getWriteOffset()), body.length);
    if (isWhole) this.#over();
    else this.#fullSince ??= performance.now();
  }

  /** The last use of the response. */
  #over(): HttpResponse | undefined {
    const response = this.#response;
    this.#response = undefined;
    if (response) this.#options.onOver(this);
    return response;
  }

  #gone(): void {
    if (this.#over()) this.#onGone();
  }
}

function ignore(): void {
  // Until somebody wants to know, nobody needs to be told.
}
