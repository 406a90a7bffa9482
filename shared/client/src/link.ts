/**
 * A client's connection to whichever gateway answers, made when a run needs it and made again when it
 * is lost. Runs stay; connections come and go under them.
 *
 * A run whose connection is lost before it was accepted is sent again under the same id. A gateway that has begun
 * with it answers that the id is taken, and the run is resumed from its beginning. So it is begun once, and paid for
 * once.
 */
import { backoffMs } from "./backoff.ts";
import { Connection, type ConnectionOptions, comesBack } from "./connection.ts";
import { GatewayError } from "./gateway-error.ts";
import type { OpenRun } from "./open-run.ts";
import { after } from "./timer.ts";

export interface LinkOptions extends ConnectionOptions {
  readonly session: string;
  /** So long a run may be without a connection, or be told "not now". */
  readonly giveUpMs: number;
}

/** A connection that lived so long was a good one: the next is tried for at once. */
const STABLE_MS = 2_000;
/** "Not now" means: again in about a second. */
const NOT_NOW_MS = 1_000;
/** A request that makes servers die must not go from one to the next. */
const MOST_SENT = 5;
/** Connections at once for requests that may be of that kind. */
const MOST_ASIDE = 4;
/** Close code of a gateway that demands a key. */
const WRONG_KEY = 4501;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: GatewayError) => void;
}

export class Link {
  readonly #options: LinkOptions;
  /** Ready, and not about to leave. */
  #current: Connection | undefined;
  #readyAt = 0;
  #opening: Connection | undefined;
  readonly #connections = new Set<Connection>();
  /** Of these, those that have one run each, with which others broke. */
  readonly #aside = new Set<Connection>();
  /** To be asked for as soon as there is a connection with room. */
  readonly #waiting = new Set<OpenRun>();
  /** To be asked for once more, in a moment. */
  readonly #later = new Map<OpenRun, () => void>();
  readonly #waiters = new Set<Waiter>();
  /** What the WebSocket last said of why it was closed. */
  #why: string | undefined;
  #failures = 0;
  #stopRetry: (() => void) | undefined;
  #stopGivingUp: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get session(): string {
    return this.#options.session;
  }

  /** Resolves when there is a connection, rejects when the first try for one fails. */
  connect(): Promise<void> {
    if (this.#current) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.add({ resolve, reject });
      this.#pump();
    });
  }

  /** Starts a run, or goes on with it. */
  serve(run: OpenRun): void {
    if (run.isEnded) return;
    this.#waiting.add(run);
    this.#pump();
  }

  /** A run has ended: there is room for another. */
  ended(run: OpenRun): void {
    this.#waiting.delete(run);
    this.#later.get(run)?.();
    this.#later.delete(run);
    for (const connection of this.#connections) connection.forget(run);
    if (this.#waiting.size === 0) this.#calmDown();
    this.#pump();
  }

  /** For when no run needs it any more. */
  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#stopRetry?.();
    this.#calmDown();
    this.#tell(this.#unreachable("was left"));
  }

  #pump(): void {
    for (const run of this.#waiting) if (run.isSuspect) this.#askAside(run);
    if (!this.#current) {
      if (this.#waiting.size > 0) {
        this.#stopGivingUp ??= after(this.#options.giveUpMs, () => this.#gaveUp());
      }
      if (this.#waiting.size + this.#waiters.size > 0) this.#open();
      return;
    }
    for (const run of this.#inTurn()) {
      if (!this.#current?.hasRoom) return;
      this.#waiting.delete(run);
      this.#current.ask(run);
    }
  }

  /** Runs that may have begun come first: a gateway cancels a run whose client stays away. */
  *#inTurn(): Generator<OpenRun> {
    for (const run of this.#waiting) if (run.mayHaveBegun && !run.isSuspect) yield run;
    for (const run of this.#waiting) if (!run.isSuspect) yield run;
  }

  #open(): void {
    if (this.#opening || this.#stopRetry) return;
    this.#opening = this.#connect({
      onReady: (connection) => this.#onReady(connection),
      onDraining: (connection) => this.#lost(connection),
      onClosed: (connection, code, why) => this.#onClosed(connection, code, why),
    });
  }

  /**
   * Asks for a run that connections broke with on a connection of its own, where it ends no other run. Once it
   * is accepted, it goes on where the others are, and that connection is left.
   */
  #askAside(run: OpenRun): void {
    if (this.#aside.size >= MOST_ASIDE) return;
    this.#waiting.delete(run);
    let isAsked = false;
    const opened = this.#connect({
      onReady: (connection) => {
        isAsked = true;
        if (run.isEnded) connection.close();
        else connection.askAlone(run);
      },
      onDraining: () => undefined,
      onClosed: (connection) => {
        this.#aside.delete(connection);
        if (!isAsked && !run.isEnded) this.#notNow(run, this.#unreachable("cannot be reached"));
        this.#pump();
      },
    });
    if (opened) this.#aside.add(opened);
  }

  /** Begins a connection. If that fails, all callers that wait for a connection hear of it. */
  #connect(events: {
    readonly onReady: (connection: Connection) => void;
    readonly onDraining: (connection: Connection) => void;
    readonly onClosed: (connection: Connection, code: number, why?: string) => void;
  }): Connection | undefined {
    try {
      const connection: Connection = new Connection(this.#options, {
        onReady: () => events.onReady(connection),
        onDraining: () => events.onDraining(connection),
        onAdrift: (run) => this.#adrift(run),
        onNotNow: (run, reason) => this.#notNow(run, reason),
        onRoom: () => this.#pump(),
        onClosed: (code, why) => {
          this.#connections.delete(connection);
          events.onClosed(connection, code, why);
        },
      });
      this.#connections.add(connection);
      return connection;
    } catch (cause) {
      // A browser does not let a page with TLS connect without.
      this.#fail(refused("This page or program may not connect to the gateway's address.", cause));
      return undefined;
    }
  }

  #onReady(connection: Connection): void {
    this.#opening = undefined;
    this.#why = undefined;
    this.#current = connection;
    this.#readyAt = performance.now();
    this.#calmDown();
    this.#tell();
    this.#pump();
  }

  #onClosed(connection: Connection, code: number, why: string | undefined): void {
    this.#why = why;
    // First, so that it is this that is told.
    if (code === WRONG_KEY) this.#fail(wrongKey());
    else if (!comesBack(code)) {
      this.#fail(refused(`The gateway closed with code ${code}, for good.`));
    }
    this.#lost(connection);
  }

  /** A connection is gone, or about to go. The next one is tried for in a moment, if a run needs it. */
  #lost(connection: Connection): void {
    if (connection !== this.#current && connection !== this.#opening) return;
    const wasStable = connection === this.#current && performance.now() - this.#readyAt > STABLE_MS;
    this.#current = undefined;
    this.#opening = undefined;
    this.#tell(this.#unreachable(`cannot be reached${this.#reason}`));
    this.#failures = wasStable ? 0 : this.#failures + 1;
    this.#stopRetry = after(backoffMs(this.#failures), () => {
      this.#stopRetry = undefined;
      this.#pump();
    });
  }

  /** A run without a connection that will go on with it. */
  #adrift(run: OpenRun): void {
    if (run.isEnded) return;
    if (run.id === undefined && run.sent >= MOST_SENT) {
      run.fail(this.#unreachable(`broke off ${MOST_SENT} times before it took the run`));
      return;
    }
    if (!run.via && run.id !== undefined) run.answer.reconnecting();
    if (run.isSuspect) this.#serveIn(backoffMs(run.sent), run);
    else this.serve(run);
  }

  #notNow(run: OpenRun, reason: GatewayError): void {
    const now = performance.now();
    run.refusedAt ??= now;
    if (reason.code === "draining") this.#adrift(run);
    else if (now - run.refusedAt > this.#options.giveUpMs) run.fail(reason);
    else this.#serveIn(NOT_NOW_MS * (0.75 + Math.random() / 2), run);
  }

  #serveIn(ms: number, run: OpenRun): void {
    const again = () => {
      this.#later.delete(run);
      this.serve(run);
    };
    this.#later.set(run, after(ms, again));
  }

  #calmDown(): void {
    this.#stopGivingUp?.();
    this.#stopGivingUp = undefined;
  }

  #gaveUp(): void {
    this.#stopGivingUp = undefined;
    const error = this.#unreachable(
      `did not answer for ${this.#options.giveUpMs} ms${this.#reason}`,
    );
    // An answer over a connection that is about to leave may still become whole.
    for (const run of this.#waiting) if (!run.via) run.fail(error);
    this.#pump();
  }

  #fail(error: GatewayError): void {
    this.#tell(error);
    for (const run of this.#waiting) run.fail(error);
  }

  /** Tells all callers that wait for a connection that it is ready, or why it is not. */
  #tell(error?: GatewayError): void {
    for (const { resolve, reject } of this.#waiters) error ? reject(error) : resolve();
    this.#waiters.clear();
  }

  get #reason(): string {
    return this.#why === undefined ? "" : `: ${this.#why}`;
  }

  #unreachable(how: string): GatewayError {
    // The host alone: the rest of an address may hold a secret.
    const message = `The gateway at ${new URL(this.#options.address).host} ${how}.`;
    return new GatewayError("connection_failed", message, { retryable: true });
  }
}

function wrongKey(): GatewayError {
  const message = "The API key is missing or wrong. Put it into the url: `?api_key=KEY`.";
  return new GatewayError("invalid_api_key", message, { retryable: false });
}

function refused(message: string, cause?: unknown): GatewayError {
  return new GatewayError("connection_refused", message, { retryable: false, cause });
}
