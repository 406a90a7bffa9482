/** The way in: runs over one socket, wherever that leads from one moment to the next. */
import {
  checkedMs,
  checkedObject,
  checkedQuestion,
  checkedSession,
  checkedSignal,
} from "./check.ts";
import { GatewayError } from "./gateway-error.ts";
import { Link } from "./link.ts";
import { OpenRun } from "./open-run.ts";
import { randomId } from "./random-id.ts";
import { Run } from "./run.ts";
import { addressOf, type WebSocketConstructor, webSocketOf } from "./web-socket.ts";
import type { ChatMessage, RunOptions } from "./wire.ts";

/** Times are in milliseconds, above 0; `Infinity` is never. */
export interface GatewayClientOptions {
  /**
   * `ws://HOST:PORT` or `wss://…`; with a path, if a proxy has put the gateway under one, up to and with
   * `/ws/stream`. A query is kept.
   */
  readonly url: string;
  /** The name of the session. A client that knows it may resume its runs. Random by default. */
  readonly session?: string;
  /** For a runtime without a WebSocket, such as Node 20: the one of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Until a connection is ready, else another is tried; 5 s. */
  readonly connectTimeoutMs?: number;
  /** Without a connection for so long, or told "not now", open runs fail; 30 s. */
  readonly giveUpMs?: number;
  /** With runs open and no frame for so long, the connection is asked whether it lives; 3 s. */
  readonly silenceMs?: number;
  /** So long it may take to say so; 3 s. Both together stay below the 10 s that a gateway waits. */
  readonly pongMs?: number;
}

export interface RunRequest {
  /** A provider, a group of them, or `auto`; else the gateway's default. */
  readonly provider?: string;
  readonly options?: RunOptions;
  /** Cancels the run, here at once and at the gateway. */
  readonly signal?: AbortSignal;
  /** Whose run it is, where it is not this client's own session: they can resume it. */
  readonly session?: string;
  /** From now until the end, whatever happens, in milliseconds; 5 min. `Infinity` is never. */
  readonly timeoutMs?: number;
}

const RUN_TIMEOUT_MS = 300_000;

export class GatewayClient {
  readonly #link: Link;
  readonly #open = new Set<OpenRun>();
  #refs = 0;
  #isClosed = false;

  /** @throws TypeError for an option that is wrong; GatewayError `no_websocket`, `invalid_session` */
  constructor(options: GatewayClientOptions) {
    const given = checkedObject("The options", options);
    const session = checkedSession(given.session, randomId());
    this.#link = new Link({
      session,
      address: addressOf(given.url, session),
      WebSocket: webSocketOf(given.WebSocket),
      connectTimeoutMs: checkedMs("connectTimeoutMs", given.connectTimeoutMs, 5_000),
      giveUpMs: checkedMs("giveUpMs", given.giveUpMs, 30_000),
      silenceMs: checkedMs("silenceMs", given.silenceMs, 3_000),
      pongMs: checkedMs("pongMs", given.pongMs, 3_000),
    });
  }

  get session(): string {
    return this.#link.session;
  }

  /**
   * Connects now rather than with the first run, and tries only once. A program can then say at once that no gateway is
   * there.
   *
   * @throws GatewayError `connection_failed`
   */
  connect(): Promise<void> {
    const connected = this.#connect();
    // Runs tell a caller that does not wait for it the same; a failure must not end the process.
    connected.catch(() => undefined);
    return connected;
  }

  /**
   * Asks a question, or has a whole conversation answered. The run begins at once, read or not.
   *
   * @throws TypeError for what is no prompt or request; GatewayError `closed`, `invalid_session`. Everything else
   *   is told by the run.
   */
  run(prompt: string | readonly ChatMessage[], request?: RunRequest): Run {
    this.#refuseIfClosed();
    const { provider, options, ...given } = checkedObject("The request", request ?? {});
    const checked = {
      question: checkedQuestion({ prompt, provider, options }),
      signal: checkedSignal(given.signal),
      session: checkedSession(given.session, this.session),
      timeoutMs: checkedMs("timeoutMs", given.timeoutMs, RUN_TIMEOUT_MS),
    };
    this.#refs += 1;
    const open = new OpenRun({
      ref: String(this.#refs),
      ...checked,
      onEnded: (ended) => this.#ended(ended),
    });
    if (!open.isEnded) {
      this.#open.add(open);
      this.#link.serve(open);
    }
    return new Run(open);
  }

  /** Cancels what is open, and lets go of every connection. */
  close(): void {
    this.#isClosed = true;
    const error = new GatewayError("closed", "The client was closed.", { retryable: false });
    for (const run of this.#open) run.fail(error);
    this.#link.close();
  }

  async #connect(): Promise<void> {
    this.#refuseIfClosed();
    await this.#link.connect();
  }

  #ended(run: OpenRun): void {
    this.#open.delete(run);
    this.#link.ended(run);
  }

  #refuseIfClosed(): void {
    if (!this.#isClosed) return;
    throw new GatewayError("closed", "The client was closed.", { retryable: false });
  }
}
