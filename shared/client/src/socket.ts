/**
 * One WebSocket to a gateway, which is dead as soon as it looks dead.
 *
 * A connection that was cut without a word (a sleeping laptop, a changed network, a machine without
 * power) stays open for minutes to whoever only listens. So while anything is expected of it, it is
 * asked whether it lives, and its answer has a deadline, as has its beginning.
 */

import { type Moves, moved } from "./states.ts";
import { after } from "./timer.ts";
import type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";
import type { Down, DownFrame, UpFrame } from "./wire.ts";
import { SUBPROTOCOL } from "./wire.ts";

export interface SocketOptions {
  readonly WebSocket: WebSocketConstructor;
  /** From the first packet to the gateway's `ready`. */
  readonly connectTimeoutMs: number;
  /** After so long without a frame it is asked whether it lives. */
  readonly silenceMs: number;
  /** So long it may take to answer. */
  readonly pongMs: number;
}

export interface SocketEvents {
  onReady(frame: Down<"ready">): void;
  onFrame(frame: DownFrame): void;
  /** Once, whoever closed it; `code` is 1006 where no side said anything, `why` is what the WebSocket knows of that. */
  onClosed(code: number, why?: string): void;
}

const ABNORMAL = 1006;

/**
 * - `connecting`: the gateway's `ready` has not come.
 * - `ready`: frames go both ways.
 * - `closed`: the gateway, the network or this client has closed it; its owner has been told.
 */
type State = "connecting" | "ready" | "closed";

const MOVES: Moves<State> = { connecting: ["ready", "closed"], ready: ["closed"], closed: [] };

export class Socket {
  readonly #options: SocketOptions;
  readonly #events: SocketEvents;
  readonly #socket: WebSocketLike;
  #state: State = "connecting";
  #isWatched = false;
  #why: string | undefined;
  #lastFrameAt = 0;
  #stopTimer: () => void;

  /** @throws what the constructor of the WebSocket throws */
  constructor(address: string, options: SocketOptions, events: SocketEvents) {
    this.#options = options;
    this.#events = events;
    this.#socket = new options.WebSocket(address, SUBPROTOCOL);
    this.#stopTimer = after(options.connectTimeoutMs, () => this.#lost());
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#receive(data);
    // The close that follows is what counts; a browser says nothing here, others in words of their own. Some quote
    // the address, which may have a key in it.
    this.#socket.onerror = ({ message }: { message?: unknown }) => {
      if (typeof message === "string" && !/:\/\/|^$/.test(message)) this.#why = message;
    };
    this.#socket.onclose = ({ code }: { code: number }) => this.#closed(code);
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Does nothing on a socket that is not ready: whoever waits on it hears of its end anyway. */
  send(frame: UpFrame): void {
    if (!this.isReady) return;
    try {
      this.#socket.send(JSON.stringify(frame));
    } catch {
      // Frames are plain data, so it is the WebSocket that throws, and takes no more.
      this.#lost();
    }
  }

  /** Whether frames are expected, and silence therefore means something. */
  watch(isWatched: boolean): void {
    if (isWatched === this.#isWatched || !this.isReady) return;
    this.#isWatched = isWatched;
    this.#listen();
  }

  /** Leaves in good order. */
  close(): void {
    const wasClosed = this.#state === "closed";
    this.#closed(1000);
    if (!wasClosed) this.#leave(() => this.#socket.close(1000));
  }

  #receive(data: unknown): void {
    if (this.#state === "closed") return;
    this.#lastFrameAt = performance.now();
    const frame = parse(data);
    try {
      if (frame) this.#take(frame);
      else this.#lost();
    } catch {
      // A frame without what its type has is no gateway's.
      this.#lost();
    }
  }

  #take(frame: DownFrame): void {
    if (this.#state === "ready") this.#events.onFrame(frame);
    else if (frame.type === "ready") {
      this.#move("ready");
      this.#stopTimer();
      this.#events.onReady(frame);
    }
    // Behind a refusal comes a close, whose code says more than a lost connection would.
    else if (frame.type !== "error") this.#lost();
  }

  #listen(): void {
    this.#stopTimer();
    if (!this.#isWatched || !this.isReady) return;
    const { silenceMs, pongMs } = this.#options;
    const quietMs = performance.now() - this.#lastFrameAt;
    if (quietMs < silenceMs) {
      this.#stopTimer = after(silenceMs - quietMs, () => this.#listen());
      return;
    }
    const askedAt = performance.now();
    this.send({ type: "ping" });
    this.#stopTimer = after(pongMs, () => {
      // A machine that slept in between has not listened, and asks once more.
      const hasSlept = performance.now() - askedAt > 2 * pongMs;
      if (this.#lastFrameAt >= askedAt || hasSlept) this.#listen();
      else this.#lost();
    });
  }

  /** Nothing more is to be had of it; closing it politely might take as long as it was silent. */
  #lost(): void {
    if (this.#state === "closed") return;
    this.#closed(ABNORMAL);
    this.#leave(() => (this.#socket.terminate ? this.#socket.terminate() : this.#socket.close()));
  }

  #leave(leave: () => void): void {
    try {
      leave();
    } catch {
      // Nothing is expected of it any more, not even that.
    }
  }

  #closed(code: number): void {
    if (this.#state === "closed") return;
    this.#move("closed");
    this.#stopTimer();
    this.#events.onClosed(code, this.#why);
  }

  #move(to: State): void {
    this.#state = moved(MOVES, this.#state, to);
  }
}

/** `undefined` for what cannot be a frame. Types that are not known are for clients to come. */
function parse(data: unknown): DownFrame | undefined {
  try {
    const frame: unknown = typeof data === "string" ? JSON.parse(data) : undefined;
    const isFrame = typeof frame === "object" && frame !== null && "type" in frame;
    // The gateway holds itself to its schemas; checking them once more would cost more than all else here.
    return isFrame ? (frame as DownFrame) : undefined;
  } catch {
    // Not JSON, so nobody we know.
    return undefined;
  }
}
