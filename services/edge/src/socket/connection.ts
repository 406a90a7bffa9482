/**
 * One WebSocket as the rest of the edge sees it: safe to use at any time, even after it is gone.
 *
 * uWebSockets.js crashes the process when a socket is touched after its close event. Every answer arrives long
 * after the message that asked for it. So the raw socket is dropped the moment it closes, and every method does
 * nothing from then on.
 */

import type { WebSocket } from "uWebSockets.js";
import { CLOSE_CODES } from "@openclaw/protocol";

/** Above so many buffered bytes, a connection takes no more until it has drained. */
export const HIGH_WATERMARK_BYTES = 64 * 1024;
/**
 * A connection has drained when so many bytes are left. With each drain the log is read, which should be worth some
 * text.
 */
const LOW_WATERMARK_BYTES = 16 * 1024;
/**
 * uWebSockets.js drops a frame that would exceed this. It is far above the watermark, so the client has stopped
 * reading.
 */
export const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** Shorter frames usually arrive in one piece, which needs no buffer. */
const KEPT_FROM_BYTES = 64 * 1024;

/** An answer of `send` in uWebSockets.js. */
const DROPPED = 2;

export interface SlowConsumerLimits {
  /** How long a connection may be full, while its client does not read, before it is closed. */
  readonly slowConsumerMs: number;
  /** A connection was closed as a slow consumer. */
  readonly onSlowConsumer?: () => void;
}

/** The identity of a connection, as its client asked for it. */
export interface ConnectionIdentity {
  readonly id: string;
  readonly session: string;
  readonly protocol: "v1" | "v2";
  /** W3C trace context that the client connected with. */
  readonly traceparent: string | undefined;
}

/** The callbacks of a connection's owner. */
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
  /**
   * W3C trace context that the client connected with. It is valid for every request of the connection.
   */
  readonly traceparent: string | undefined;
  readonly #limits: SlowConsumerLimits;
  #socket: Socket | undefined;
  #onDrain: () => void = ignore;
  /** Set once the connection is to be closed behind what was written. */
  #onEmpty: () => void = ignore;
  #keptBytes = 0;
  /** Checks since the last whole frame from the client, or the last bytes that it took. */
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
   * Writes one text frame. Answers whether the connection can take more; after `false`, wait for `onDrain`.
   *
   * No frame is lost silently. A socket that cannot take a frame, or stays full for too long, is closed as a slow
   * consumer.
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
   * Closes like `end`, but only after the kernel has taken what was written: a process exits once all connections
   * are gone. A client that does not read is closed as a slow consumer.
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
   * For the socket server: the kernel took something. This is also a sign of life. While a client drains its
   * connection, uWebSockets.js sends no ping, so a slow reader has nothing to answer.
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
   * The buffer in which uWebSockets.js assembled the longest frame so far, in bytes. The library keeps it until the
   * connection is closed, and never makes it smaller.
   */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Called at even times. Cuts a client that neither sends a whole frame nor takes anything during `mostChecks` of
   * them.
   *
   * uWebSockets.js pings a silent client and cuts it if no answer comes. But single bytes of an endless frame count
   * as a sign of life there. A client that pings between the fragments of an endless message is not cut here: the
   * library does not report fragments. The longest message, and the connections of one address, bound what such a
   * client takes.
   */
  checkAlive(mostChecks: number): void {
    this.#silentChecks += 1;
    if (this.#silentChecks > mostChecks) this.cut();
  }

  /** Ends the connection at once, without a code, and frees its buffer. */
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
  // Until a callback is set, there is nothing to call.
}
