import { CLOSE_CODES, type Failure } from "@openclaw/protocol";
import { type Component, Idle } from "@openclaw/runtime";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionEvents } from "../socket/socket-server.ts";
import { FrameBudget } from "./frame-budget.ts";
import type { Session } from "./session.ts";
import { V1Session, type V1SessionOptions } from "./v1-session.ts";
import { V2Session, type V2SessionOptions } from "./v2-session.ts";

export interface SessionsOptions {
  readonly v1: V1SessionOptions;
  readonly v2: V2SessionOptions;
  readonly maxConnections: number;
  /** What may be kept for connections that once sent a long frame, in sum. */
  readonly maxKeptBytes: number;
  /** A connection is closed that sent more than it may. */
  readonly onRude: () => void;
}

const LOOK_INTERVAL_MS = 10_000;
/** Counted in looks, since a process that stood still has not read what its clients said meanwhile. */
const UNHEARD_LOOKS = 7;

/** The conversations on this edge's connections. */
export class Sessions implements Component {
  readonly name = "sessions";
  readonly #options: SessionsOptions;
  readonly #open = new Map<Connection, Session>();
  #looking: NodeJS.Timeout | undefined;
  #draining = false;
  readonly #idle = new Idle(() => this.#open.size === 0);

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#options.maxConnections;
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Sessions with at least one connection here. */
  get sessions(): number {
    return new Set([...this.#open.keys()].map(({ session }) => session)).size;
  }

  countOf(protocol: Connection["protocol"]): number {
    return [...this.#open.keys()].filter((connection) => connection.protocol === protocol).length;
  }

  /** Written to all of them and not taken yet. */
  get bufferedBytes(): number {
    return [...this.#open.keys()].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  }

  async start(): Promise<void> {
    this.#looking = setInterval(() => {
      for (const connection of [...this.#open.keys()]) connection.look(UNHEARD_LOOKS);
      this.#giveBack();
    }, LOOK_INTERVAL_MS);
  }

  open(connection: Connection): ConnectionEvents {
    const onIdle = () => {
      if (!this.#draining) return;
      // Its last words may still be corked.
      setImmediate(() => session.isIdle && sendAway(connection, "when written"));
    };
    const { v1, v2, onRude } = this.#options;
    const isV2 = connection.protocol === "v2";
    const budget = new FrameBudget(isV2 ? v2.limits : {});
    const within = (isTaken: boolean): boolean => {
      if (isTaken || !connection.isOpen) return isTaken;
      onRude();
      connection.end(CLOSE_CODES.policyViolation, "more frames, or more bad ones, than allowed");
      return false;
    };
    const mayRefuse = (reason: Failure) => within(budget.takeRefusal(reason));
    const session: Session = isV2
      ? new V2Session(connection, { ...v2, onIdle, mayRefuse })
      : new V1Session(connection, { ...v1, onIdle, mayRefuse });
    this.#open.set(connection, session);
    return {
      onText: (frame) => {
        if (within(budget.takeFrame(frame.length))) session.onText(frame);
      },
      onBinary: (bytes) => {
        if (within(budget.takeFrame(bytes))) session.onBinary();
      },
      onControl: () => void within(budget.takeControl()),
      onClose: () => {
        this.#open.delete(connection);
        session.onClose();
        this.#idle.check();
      },
    };
  }

  /**
   * Sends away who is idle now, and everybody else after the answer in hand. Resolves when all have
   * gone, or once `signal` aborts.
   */
  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const [connection, session] of this.#open) {
      session.drain();
      if (session.isIdle) sendAway(connection, "when written");
    }
    await this.#idle.wait(signal);
  }

  /**
   * The buffer of a long frame is freed only when its connection closes. So above the bound, idle clients that have one
   * must connect again. The buffers of busy clients stay, and idle clients without a buffer are not touched.
   */
  #giveBack(): void {
    const { maxKeptBytes } = this.#options;
    let kept = [...this.#open.keys()].reduce((sum, { keptBytes }) => sum + keptBytes, 0);
    if (kept <= maxKeptBytes) return;
    const idle = [...this.#open].flatMap(([connection, { isIdle }]) =>
      isIdle && connection.keptBytes > 0 ? connection : [],
    );
    for (const connection of idle.toSorted((a, b) => b.keptBytes - a.keptBytes)) {
      if (kept <= maxKeptBytes / 2) return;
      kept -= connection.keptBytes;
      sendAway(connection, "when written");
    }
  }

  /** Sends away everybody. */
  async stop(): Promise<void> {
    clearInterval(this.#looking);
    for (const connection of this.#open.keys()) sendAway(connection, "now");
  }
}

function sendAway(connection: Connection, when: "now" | "when written"): void {
  const code = connection.protocol === "v2" ? CLOSE_CODES.draining : CLOSE_CODES.serviceRestart;
  const reason = "server is restarting";
  if (when === "now") connection.end(code, reason);
  else connection.endWhenWritten(code, reason);
}
