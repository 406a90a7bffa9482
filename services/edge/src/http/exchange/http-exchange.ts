/**
 * One HTTP request and its response, as the rest of the edge sees them. It is safe to use at any time, even after the
 * client is gone. Every answer arrives long after its request.
 */
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { randomUUID } from "node:crypto";
import { type Failure, failure } from "@openclaw/protocol";
import type { ByteBudget } from "../../admission/byte-budget.ts";
import { BodyReader, type BodyRefusal } from "./body-reader.ts";
import { EventStream } from "./event-stream.ts";
import { type Headers, type HttpStatus, writeHead } from "./http-head.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { LongReply } from "./long-reply.ts";
import { OpenResponse } from "./open-response.ts";
import { RequestCopy } from "./request-copy.ts";

export interface HttpExchangeOptions {
  /** Of the response, whatever it is. */
  readonly headers: Headers;
  /** How long a client may leave a full connection unread before it is cut. */
  readonly slowConsumerMs: number;
  /** A connection was cut as a slow consumer. */
  readonly onSlowConsumer: () => void;
  /** How long a stream may be silent before a comment shows that it is alive. */
  readonly keepAliveAfterMs: number;
  /** Whether the connection is to be closed after the response, since this edge is leaving. */
  readonly isLeaving: () => boolean;
  /** Bounds the unread bodies of all requests. */
  readonly inbound: ByteBudget;
  /** A request is refused because there is no room for its body. */
  readonly onRefused: (reason: Failure) => void;
  /** The exchange is over: answered, or its client is gone. */
  readonly onOver: (exchange: HttpExchange) => void;
}

/** No cache on the way may keep a response. It is JSON unless said otherwise. */
const COMMON_HEADERS: Headers = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
};

/** In UTF-16 units. The kernel takes a response of this length at once. */
const SMALL_BODY = 16_384;

export class HttpExchange {
  readonly request: RequestCopy;
  readonly #options: HttpExchangeOptions;
  readonly #open: OpenResponse;
  readonly #createdAt = performance.now();
  #mustClose = false;
  /** Set while the body of the request comes. */
  #reader: BodyReader | undefined;
  #stream: EventStream | undefined;
  /** A long response that the client has not taken yet; nothing else will be written. */
  #reply: LongReply | undefined;
  #onDrain: () => void = ignore;
  #onGone: () => void = ignore;
  #onLeaving: () => void = ignore;

  /** Must be called within the handler of the route: the request is only valid there. */
  constructor(response: HttpResponse, request: HttpRequest, options: HttpExchangeOptions) {
    this.#options = options;
    this.#open = new OpenResponse(response, () => options.onOver(this));
    this.request = new RequestCopy(request);
    response.onAborted(() => this.#gone());
  }

  get isOpen(): boolean {
    return this.#open.current !== undefined;
  }

  /** Whether the status and headers of a stream were sent, so that a failure cannot be a status any more. */
  get isStreaming(): boolean {
    return this.#stream?.hasBegun ?? false;
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
   * Reads the body of the request, unless it is longer than `maxBytes`, there is no room for it, it is late, or the client
   * leaves. The caller releases the body.
   */
  async body(maxBytes: number): Promise<IncomingBody | BodyRefusal> {
    const response = this.#open.current;
    if (!response) return "gone";
    return new Promise((resolve) => {
      const reader = new BodyReader({
        contentLength: this.request.header("content-length"),
        maxBytes,
        budget: this.#options.inbound,
        onOver: (outcome) => {
          this.#reader = undefined;
          this.#onGone = ignore;
          // The rest of the body is still to come, and would be read as the next request.
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
   * Sends the whole response: `body` as JSON, or unchanged if it is a string. The exchange is over when the client has
   * taken it.
   */
  reply(status: HttpStatus, body: unknown, headers: Headers = {}): void {
    if (this.#reply) return;
    // A response to HEAD must not have a body: the client would take it for the next response of the connection.
    if (this.request.method === "head") {
      this.replyEmpty(status, headers);
      return;
    }
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const all = { ...COMMON_HEADERS, ...this.#named(headers) };
    if (text.length > SMALL_BODY && this.isOpen) {
      this.#reply = new LongReply(this.#open, Buffer.from(text));
      this.#reply.begin(status, { ...all, ...this.#closing });
      return;
    }
    const response = this.#open.finish();
    response?.cork(() => {
      writeHead(response, status, all);
      response.end(text, this.#closes);
    });
  }

  /** Sends a response without a body. */
  replyEmpty(status: HttpStatus, headers: Headers = {}): void {
    const response = this.#open.finish();
    response?.cork(() => {
      writeHead(response, status, { ...this.#named(headers), ...this.#closing });
      // With any argument, uWebSockets.js writes the length of a body, and an undefined length is 2^63.
      response.endWithoutBody();
    });
  }

  /**
   * Makes the response a stream of server-sent events. It begins with the first `write`, or with the first comment that a
   * long silence makes necessary.
   */
  stream(headers: Headers = {}): EventStream {
    this.#stream ??= this.#openStream(this.#named(headers));
    return this.#stream;
  }

  /** Writes to the stream. Answers whether it can take more; after `false`, wait for `onDrain`. */
  write(text: string): boolean {
    return this.stream().write(text);
  }

  /** Ends the stream. */
  end(): void {
    this.stream().end();
  }

  #openStream(named: Headers): EventStream {
    return new EventStream({
      response: this.#open,
      headers: () => ({ ...named, ...this.#closing }),
      keepAliveAfterMs: this.#options.keepAliveAfterMs,
      since: this.#createdAt,
      onDrain: () => this.#onDrain(),
    });
  }

  /** Groups what is written inside `act` into one system call. */
  cork(act: () => void): void {
    const response = this.#open.current;
    if (response) response.cork(act);
    else act();
  }

  /** Called every second: shows that a stream is alive, and cuts a client that does not read. */
  sweep(now: number): void {
    this.#reader?.sweep(now);
    const outgoing = this.#reply ?? this.#stream;
    if (outgoing?.fullSince === undefined) {
      this.#stream?.keepAlive(now);
    } else if (now - outgoing.fullSince > this.#options.slowConsumerMs) this.#cut();
    else outgoing.push();
  }

  #cut(): void {
    this.#options.onSlowConsumer();
    // Aborts the response, and so calls `#gone`.
    this.#open.current?.close();
  }

  /** The operator can find every response by an id: that of its run, or one of its own. */
  #named(headers: Headers): Headers {
    return { "x-request-id": randomUUID(), ...this.#options.headers, ...headers };
  }

  get #closes(): boolean {
    return this.#mustClose || this.#options.isLeaving();
  }

  get #closing(): Headers {
    return this.#closes ? { connection: "close" } : {};
  }

  #gone(): void {
    if (this.#open.finish()) this.#onGone();
  }
}

function ignore(): void {
  // Until a callback is set, there is nothing to call.
}
