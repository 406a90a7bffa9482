/** The way in: runs over one socket, wherever that leads from one moment to the next. */
import { GatewayError } from "./gateway-error.ts";
import { Link } from "./link.ts";
import { OpenRun } from "./open-run.ts";
import { randomId } from "./random-id.ts";
import { Run } from "./run.ts";
import { addressOf, type WebSocketConstructor, webSocketOf } from "./web-socket.ts";
import { type ChatMessage, isSessionId, type RunOptions } from "./wire.ts";

export interface GatewayClientOptions {
  /**
   * `ws://HOST:PORT` or `wss://…`; with a path, if a proxy has put the gateway under one, up to and with
   * `/ws/stream`. A query is kept.
   */
  readonly url: string;
  /** Who may come back for a run: whoever knows this. Random by default. */
  readonly session?: string;
  /** Where the runtime has none, as Node 20: that of the package `ws`. */
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
  /** From now until the end, whatever happens; 5 min. */
  readonly timeoutMs?: number;
}

const RUN_TIMEOUT_MS = 300_000;

export class GatewayClient {
  readonly #link: Link;
  readonly #open = new Set<OpenRun>();
  #refs = 0;
  #isClosed = false;

  /** @throws GatewayError `no_websocket`, `invalid_session`; TypeError for a URL that is none */
  constructor({ url, session = randomId(), ...options }: GatewayClientOptions) {
    this.#link = new Link({
      session,
      address: addressOf(url, checkedSession(session)),
      WebSocket: webSocketOf(options.WebSocket),
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      giveUpMs: options.giveUpMs ?? 30_000,
      silenceMs: options.silenceMs ?? 3_000,
      pongMs: options.pongMs ?? 3_000,
    });
  }

  get session(): string {
    return this.#link.session;
  }

  /**
   * Connects now rather than with the first run, and tries only once: for who wants to say at once that
   * no gateway is there.
   *
   * @throws GatewayError `connection_failed`
   */
  async connect(): Promise<void> {
    this.#refuseIfClosed();
    await this.#link.connect();
  }

  /**
   * Asks a question, or has a whole conversation answered. The run begins at once, read or not.
   *
   * @throws GatewayError `closed`, `invalid_session`; everything else is told by the run
   */
  run(prompt: string | readonly ChatMessage[], request: RunRequest = {}): Run {
    this.#refuseIfClosed();
    const { provider, options, signal, session = this.session } = request;
    this.#refs += 1;
    const open = new OpenRun({
      ref: String(this.#refs),
      prompt,
      provider,
      options,
      signal,
      session: checkedSession(session),
      timeoutMs: request.timeoutMs ?? RUN_TIMEOUT_MS,
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

  #ended(run: OpenRun): void {
    this.#open.delete(run);
    this.#link.ended(run);
  }

  #refuseIfClosed(): void {
    if (!this.#isClosed) return;
    throw new GatewayError("closed", "The client was closed.", { retryable: false });
  }
}

function checkedSession(session: string): string {
  if (isSessionId(session)) return session;
  const message = "A session id is 1 to 256 bytes of UTF-8 without control characters.";
  throw new GatewayError("invalid_session", message, { retryable: false });
}
