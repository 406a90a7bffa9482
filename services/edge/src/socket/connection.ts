/**
 * One WebSocket as the rest of the edge sees it: safe to use at any time, even after it is gone.
 *
 * uWebSockets.js crashes the process when a socket is touched after its close event, and every
 * answer arrives long after the message that asked for it. So the raw socket is dropped the moment
 * it closes, and everything here does nothing from then on.
 */

import type { WebSocket } from "uWebSockets.js";
import { CLOSE_CODES } from "@openclaw/protocol";

/** Above this many buffered bytes a connection takes no more until it has drained. */
export const HIGH_WATERMARK_BYTES = 64 * 1024;
/**
 * A connection has drained when this is left, not as soon as there is any room: each time it has, the
 * log is read for it, which should be worth some text.
 */
const LOW_WATERMARK_BYTES = 16 * 1024;
/** uWebSockets drops what would exceed this. Far above the watermark, so it means a lost reader. */
export const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** Shorter frames usually arrive in one piece, which needs no buffer. */
const KEPT_FROM_BYTES = 64 * 1024;

/** uWebSockets' answers to `send`. */
const DROPPED = 2;

export interface SlowConsumerLimits {
  /** How long a connection whose client does not read may be full before it is closed. */
  readonly slowConsumerMs: number;
  /** One is closed for that. */
  readonly onSlowConsumer?: () => void;
}

/** Whose connection it is, as the client asked for it. */
export interface ConnectionIdentity {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  /** W3C trace context that the client connected with. */
  readonly traceparent: string | undefined;
}

/** What a connection's owner is told. */
export interface ConnectionEvents {
  onText(frame: string): void;
  onBinary(bytes: number): void;
  /** A ping, which uWebSockets.js has answered, or a pong. */
  onControl(): void;
  /** The socket is gone; nothing can be sent any more. */
  onClose(): void;
}

type Socket = Pick<WebSocket<unknown>, "send" | "cork" | "end" | "close" | "getBufferedAmount">;

export class Connection implements ConnectionIdentity {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  /** W3C trace context that the client connected with: of everything it asks for. */
  readonly traceparent: string | undefined;
  readonly #limits: SlowConsumerLimits;
  #socket: Socket | undefined;
  #onDrain: () => void = ignore;
  /** Set once the connection is to be closed behind what was written. */
  #onEmpty: () => void = ignore;
  #keptBytes = 0;
  /** How often it was looked at since it last said something whole, or took something. */
  #silentChecks = 0;
  /** Runs while the connection is full. */
  #fullTimer: NodeJS.Timeout | undefined;

  constructor(
    socket: Socket,
    { id, session, protocol, traceparent }: ConnectionIdentity,
    limits: SlowConsumerLimits,
  ) {
    this.id = id;
    this.protocol = protocol;
    this.session = session;
    this.traceparent = traceparent;
    this.#socket = socket;
    this.#limits = limits;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Bytes written but not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  /**
   * Writes one text frame. Answers whether more can be taken; after `false`, wait for `onDrain`.
   * A frame is never lost silently: a socket that cannot take it is closed as a slow consumer, and so
   * is one that stays full for too long.
   */
  send(frame: string): boolean {
    if (!this.#socket) return false;
    if (this.#socket.send(frame) === DROPPED) {
      this.#closeSlow();
      return false;
    }
    if (this.bufferedBytes < HIGH_WATERMARK_BYTES) return true;
    this.#startFullTimer();
    return false;
  }

  /** Groups the frames written inside `write` into one system call. */
  cork(write: () => void): void {
    if (this.#socket) this.#socket.cork(write);
    else write();
  }

  /** Sets what is called when a full connection can take frames again. */
  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  /** Closes with a code and a reason of at most 123 bytes. */
  end(code: number, reason: string): void {
    const socket = this.#socket;
    this.#stopFullTimer();
    // `end` calls the close event synchronously, which must find the socket already dropped.
    this.#socket = undefined;
    socket?.end(code, reason);
  }

  /**
   * Closes like `end`, but not before the kernel has taken what was written: for a process that exits
   * once all have gone. A client that does not read is a slow consumer here as anywhere.
   */
  endWhenWritten(code: number, reason: string): void {
    if (this.bufferedBytes === 0) {
      this.end(code, reason);
      return;
    }
    this.#onEmpty = () => this.end(code, reason);
    this.#startFullTimer();
  }

  /**
   * For the socket server: the kernel took something. This is a sign of life as well: uWebSockets.js sends no ping while
   * a client drains its connection, so a slow reader has nothing to answer.
   */
  drained(): void {
    this.#silentChecks = 0;
    if (this.bufferedBytes === 0) this.#onEmpty();
    if (this.bufferedBytes >= LOW_WATERMARK_BYTES) return;
    this.#stopFullTimer();
    this.#onDrain();
  }

  /** For the socket server: a whole frame came, or an answer to a ping. */
  heard(frameBytes = 0): void {
    this.#silentChecks = 0;
    if (frameBytes >= KEPT_FROM_BYTES) this.#keptBytes = Math.max(this.#keptBytes, frameBytes);
  }

  /**
   * What uWebSockets.js keeps for it until it is closed, as far as that is known: the buffer in which it put together the
   * longest frame so far, which it never makes smaller.
   */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Called at even times. Cuts a client that neither says something whole nor takes something in `mostChecks` of them.
   * uWebSockets.js pings a silent client and cuts it without an answer, but takes single bytes of a frame that never
   * ends for a sign of life. A client that pings or answers pings between the fragments of a message without end is not
   * cut: uWebSockets.js tells of no part of a message, so it looks like one that says nothing. What it takes is bounded by
   * the longest message, and by the connections of its address.
   */
  checkAlive(mostChecks: number): void {
    this.#silentChecks += 1;
    if (this.#silentChecks > mostChecks) this.cut();
  }

  /** Ends it at once, without a code, and gives back what is kept for it. */
  cut(): void {
    const socket = this.#socket;
    this.#stopFullTimer();
    this.#socket = undefined;
    socket?.close();
  }

  /** For the socket server: the socket is gone. */
  closed(): void {
    this.#stopFullTimer();
    this.#socket = undefined;
  }

  #closeSlow(): void {
    this.#limits.onSlowConsumer?.();
    this.end(CLOSE_CODES.slowConsumer, "slow consumer");
  }

  #startFullTimer(): void {
    this.#fullTimer ??= setTimeout(() => this.#closeSlow(), this.#limits.slowConsumerMs).unref();
  }

  #stopFullTimer(): void {
    clearTimeout(this.#fullTimer);
    this.#fullTimer = undefined;
  }
}

function ignore(): void {
  // Until somebody waits for room, nobody needs to know.
}
