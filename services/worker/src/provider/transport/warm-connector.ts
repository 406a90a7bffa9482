/**
 * Gives the pool open sockets without making it wait for a handshake.
 *
 * undici connects when a request already needs the socket, which costs a run one to three round
 * trips across an ocean. So a reserve of open sockets is kept beside the pool: a new pool connection
 * takes one at once, and the reserve refills behind it. Whoever waits is served by whichever socket
 * opens first, its own or one meant for the reserve. Every waiter has at least one dial under way.
 */
import type { Socket } from "node:net";
import type { ProviderConfig } from "@openclaw/config";
import { backOffMs, type Logger, within } from "@openclaw/runtime";
import type { buildConnector } from "undici";
import type { SocketUse } from "../../telemetry/provider-meter.ts";
import type { Dialer } from "./dialer.ts";
import { IdleLimit } from "./idle-limit.ts";
import { RestingSockets } from "./resting-sockets.ts";
import { SocketReserve, type SpareSocket } from "./socket-reserve.ts";

/** At most this many handshakes at once for the reserve: a provider may take more for an attack. */
const MAX_REFILLING = 8;
/** A socket lost sooner than this says that the provider does not keep them: as bad as no socket. */
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
  readonly #reserve: SocketReserve;
  readonly #resting: RestingSockets;
  #running = false;
  #waiting: buildConnector.Callback[] = [];
  #dialling = 0;
  /** Sockets the pool has. With the reserve they never exceed `pool.connections`. */
  #lent = 0;
  #failures = 0;
  #backoff: NodeJS.Timeout | undefined;
  #onSettled: (() => void) | undefined;

  constructor(options: WarmConnectorOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#limit = new IdleLimit({ idleMs: options.pool.idleMs, random: this.#random });
    this.#reserve = new SocketReserve({
      limit: this.#limit,
      onAged: () => this.#refillAfterLife(),
      onLost: (livedMs) => {
        if (livedMs < MIN_LIFE_MS) return this.#fail("closed_at_once");
        this.#learn(livedMs);
        this.#refillAfterLife();
      },
    });
    this.#resting = new RestingSockets({
      limit: this.#limit,
      onLost: (idledMs) => this.#learn(idledMs),
    });
  }

  /** Open sockets that wait for a run. */
  get reserved(): number {
    return this.#reserve.size;
  }

  /** All sockets, by what they do. */
  get sockets(): Readonly<Record<SocketUse, number>> {
    const idle = this.#resting.size;
    return {
      spare: this.#reserve.size,
      idle,
      busy: this.#lent - idle,
      connecting: this.#dialling,
    };
  }

  /** Fills the reserve. Resolves when that is done or has failed, after `waitMs` at most. */
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
    this.#reserve.trim(0);
    this.#options.dialer.stop();
    this.#onSettled?.();
  }

  /** The function undici asks for a socket. What it passes never varies: a pool has one origin. */
  readonly connect: buildConnector.connector = (_options, callback) => {
    // undici is still in the middle of its own work here and would miss an answer given at once.
    queueMicrotask(() => this.#serve(callback));
  };

  /** What the pool's sockets do: `wake` with each request, `rest` once its response is complete. */
  get resting(): Pick<RestingSockets, "rest" | "wake" | "wasStale"> {
    return this.#resting;
  }

  #serve(callback: buildConnector.Callback): void {
    const spare = this.#reserve.take();
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
    this.#resting.add(socket, since);
    socket.once("close", () => {
      this.#lent -= 1;
      this.#resting.remove(socket);
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
    else if (this.#running) this.#reserve.add(socket);
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
    this.#reserve.trim(target);
    const refilling = this.#dialling - this.#waiting.length;
    const missing = target - this.#reserve.fresh - refilling;
    const allowed = this.#backoff === undefined ? MAX_REFILLING - refilling : 0;
    for (let n = Math.min(missing, allowed); n > 0; n -= 1) this.#dial();
    if (this.#dialling === 0) this.#onSettled?.();
  }

  #learn(idledMs: number): void {
    if (!this.#limit.closedAfter(idledMs)) return;
    const facts = { provider: this.#options.provider, idleMs: Math.round(this.#limit.ms) };
    this.#options.log.info(facts, "provider closes idle sockets early");
  }

  #refillAfterLife(): void {
    this.#recover();
    this.#refill();
  }

  /** Waits before the reserve dials again: about twice as long after each failure in a row. */
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
