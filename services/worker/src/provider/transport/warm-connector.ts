/**
 * Gives the pool open sockets without a wait for a handshake.
 *
 * undici connects when a request already needs the socket, which costs a run one to three round trips across an
 * ocean. So this class keeps spare sockets beside the pool. A new pool connection takes a spare socket at once, and
 * the connector dials another. A request that waits gets the first socket that opens, even one dialled as a spare.
 * Each waiting request has at least one dial under way.
 */
import type { Socket } from "node:net";
import type { ProviderConfig } from "@openclaw/config";
import { backOffMs, type Logger, within } from "@openclaw/runtime";
import type { buildConnector } from "undici";
import type { SocketUse } from "../../telemetry/provider-meter.ts";
import type { Dialer } from "./dialer.ts";
import { IdleLimit } from "./idle-limit.ts";
import { IdleSockets } from "./idle-sockets.ts";
import { type SpareSocket, SpareSockets } from "./spare-sockets.ts";

/** Most handshakes at once for spare sockets. A provider may take more for an attack. */
const MAX_REFILLING = 8;
/** A spare socket that is lost sooner counts as a failed dial: the provider does not keep them open. */
const MIN_LIFE_MS = 1_000;
const BACK_OFF = { firstMs: 250, mostMs: 30_000 };

export interface WarmConnectorOptions {
  readonly provider: string;
  readonly dialer: Dialer;
  readonly pool: ProviderConfig["pool"];
  readonly log: Pick<Logger, "info" | "warn">;
  /** For tests. */
  readonly random?: () => number;
}

export class WarmConnector {
  readonly #options: WarmConnectorOptions;
  readonly #random: () => number;
  readonly #limit: IdleLimit;
  readonly #spare: SpareSockets;
  readonly #idle: IdleSockets;
  #running = false;
  #waiting: buildConnector.Callback[] = [];
  #dialling = 0;
  /** Sockets that the pool has. With the spare ones they never exceed `pool.connections`. */
  #lent = 0;
  #failures = 0;
  #backoff: NodeJS.Timeout | undefined;
  #onSettled: (() => void) | undefined;

  constructor(options: WarmConnectorOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#limit = new IdleLimit({ idleMs: options.pool.idleMs, random: this.#random });
    this.#spare = new SpareSockets({
      limit: this.#limit,
      onAged: () => this.#recoverAndRefill(),
      onLost: (livedMs) => {
        if (livedMs < MIN_LIFE_MS) return this.#fail("closed_at_once");
        this.#learn(livedMs);
        this.#recoverAndRefill();
      },
    });
    this.#idle = new IdleSockets({
      limit: this.#limit,
      onLost: (idledMs) => this.#learn(idledMs),
    });
  }

  /** How many sockets there are for each use. */
  get sockets(): Readonly<Record<SocketUse, number>> {
    const idle = this.#idle.size;
    return {
      spare: this.#spare.size,
      idle,
      busy: this.#lent - idle,
      connecting: this.#dialling,
    };
  }

  /** Opens the spare sockets. Resolves when that is done or has failed, after at most `waitMs`. */
  async start(waitMs: number): Promise<void> {
    this.#running = true;
    const settled = new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
    this.#refill();
    await within(waitMs, settled);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#backoff);
    this.#spare.trim(0);
    this.#options.dialer.stop();
    this.#onSettled?.();
  }

  /** undici calls this for a socket. The options never vary: a pool has one origin. */
  readonly connect: buildConnector.connector = (_options, callback) => {
    // undici is in the middle of its own work here and would miss a synchronous answer.
    queueMicrotask(() => this.#serve(callback));
  };

  /** To be told when a socket of the pool gets a request, and when its response is complete. */
  get idle(): Pick<IdleSockets, "markIdle" | "markBusy" | "wasStale"> {
    return this.#idle;
  }

  #serve(callback: buildConnector.Callback): void {
    const spare = this.#spare.take();
    if (spare !== undefined) {
      this.#lend(spare, callback);
    } else {
      this.#waiting.push(callback);
      this.#dial();
    }
    this.#refill();
  }

  #lend({ socket, since }: SpareSocket, callback: buildConnector.Callback): void {
    this.#recover();
    this.#lent += 1;
    this.#idle.add(socket, since);
    socket.once("close", () => {
      this.#lent -= 1;
      this.#idle.remove(socket);
      this.#refill();
    });
    callback(null, socket);
  }

  #dial(): void {
    this.#dialling += 1;
    this.#options.dialer.dial((error, socket) => {
      this.#dialling -= 1;
      if (socket !== undefined) this.#opened(socket);
      else this.#notOpened(error ?? new Error("no socket"));
    });
  }

  #opened(socket: Socket): void {
    const callback = this.#waiting.shift();
    if (callback !== undefined) this.#lend({ socket, since: performance.now() }, callback);
    else if (this.#running) this.#spare.add(socket);
    else socket.destroy();
    this.#refill();
  }

  #notOpened(error: NodeJS.ErrnoException): void {
    if (this.#waiting.length > this.#dialling) this.#waiting.shift()?.(error, null);
    this.#fail(error.code ?? error.name);
  }

  #refill(): void {
    if (!this.#running) return;
    const { warm, connections } = this.#options.pool;
    const target = Math.max(0, Math.min(warm, connections - this.#lent - this.#waiting.length));
    this.#spare.trim(target);
    const refilling = this.#dialling - this.#waiting.length;
    const missing = target - this.#spare.fresh - refilling;
    const allowed = this.#backoff === undefined ? MAX_REFILLING - refilling : 0;
    for (let n = Math.min(missing, allowed); n > 0; n -= 1) this.#dial();
    if (this.#dialling === 0) this.#onSettled?.();
  }

  #learn(idledMs: number): void {
    if (!this.#limit.closedAfter(idledMs)) return;
    const facts = { provider: this.#options.provider, idleMs: Math.round(this.#limit.ms) };
    this.#options.log.info(facts, "provider closes idle sockets early");
  }

  #recoverAndRefill(): void {
    this.#recover();
    this.#refill();
  }

  /** Waits before the next dial for a spare socket, about twice as long after each failure in a row. */
  #fail(cause: string): void {
    if (!this.#running) return;
    if (this.#failures === 0) {
      const { provider, dialer, log } = this.#options;
      const { proxy } = dialer;
      log.warn({ provider, cause, ...(proxy && { proxy }) }, "provider unreachable");
    }
    if (this.#backoff === undefined) {
      const waitMs = backOffMs(this.#failures, { ...BACK_OFF, random: this.#random });
      this.#failures += 1;
      this.#backoff = setTimeout(() => {
        this.#backoff = undefined;
        this.#refill();
      }, waitMs).unref();
    }
    this.#refill();
  }

  #recover(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#options.log.info({ provider: this.#options.provider }, "provider reachable again");
  }
}
