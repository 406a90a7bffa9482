/** What happened since the start, or the last reset, of the simulator. */

import type { InjectedKind } from "./faults/fault-injector.ts";

/** How a request ended. `aborted`: the client left before the end, even of a stalled answer. */
export type Outcome = "completed" | "refused" | "broken" | "aborted";

/** `requests` is the sum of `active` and the four outcomes. */
export interface ProfileStats {
  /** Chat completions begun; listing models does not count. */
  requests: number;
  active: number;
  maxActive: number;
  /** Answered to the end. */
  completed: number;
  /** Answered with an error, as an HTTP status or inside the stream. */
  refused: number;
  /** Ended early or spoiled by us, as a fault asked (`cutAfter`, `garbageAfter`). */
  broken: number;
  /** The client went away before the end. */
  aborted: number;
  /** How long the latest of these was with us when its client left, in ms. */
  abortedAfterMs: number | undefined;
  /** Faults given to requests, by kind: those they asked for and those of the settings. */
  faults: Partial<Record<InjectedKind, number>>;
  /** Sockets whose first request was for this profile. */
  sockets: number;
}

export interface SimulatorStats {
  /** All connections, also those opened ahead of any request. */
  readonly sockets: {
    readonly opened: number;
    readonly open: number;
    readonly closed: number;
    /** Closed by us for carrying no request. */
    readonly idleClosed: number;
  };
  /** TLS handshakes done: with all their work, or by the ticket of an earlier one. */
  readonly handshakes: { readonly full: number; readonly resumed: number };
  readonly total: Readonly<ProfileStats>;
  readonly profiles: Readonly<Record<string, Readonly<ProfileStats>>>;
}

export class Stats {
  readonly #profiles: ReadonlyMap<string, ProfileStats>;
  readonly #total = emptyStats();
  #socketsOpened = 0;
  #socketsOpen = 0;
  #socketsIdleClosed = 0;
  #handshakes = { full: 0, resumed: 0 };

  constructor(profiles: readonly string[]) {
    this.#profiles = new Map(profiles.map((name) => [name, emptyStats()]));
  }

  /** Counts a request as active while `work` runs, and then by its outcome. */
  async count(profile: string, work: () => Promise<Outcome>): Promise<void> {
    const rows = this.#rowsOf(profile);
    for (const row of rows) {
      row.requests += 1;
      row.active += 1;
      row.maxActive = Math.max(row.maxActive, row.active);
    }
    const startedAt = performance.now();
    let outcome: Outcome = "broken";
    try {
      outcome = await work();
    } finally {
      for (const row of rows) {
        row.active -= 1;
        row[outcome] += 1;
        if (outcome === "aborted") row.abortedAfterMs = performance.now() - startedAt;
      }
    }
  }

  socketOpened(): void {
    this.#socketsOpened += 1;
    this.#socketsOpen += 1;
  }

  socketClosed(): void {
    this.#socketsOpen -= 1;
  }

  socketIdleClosed(): void {
    this.#socketsIdleClosed += 1;
  }

  handshakeDone(kind: "full" | "resumed"): void {
    this.#handshakes[kind] += 1;
  }

  faultGiven(profile: string, kind: InjectedKind): void {
    for (const { faults } of this.#rowsOf(profile)) faults[kind] = (faults[kind] ?? 0) + 1;
  }

  /** A socket said by its first request whom it is for. */
  socketUsed(profile: string): void {
    for (const row of this.#rowsOf(profile)) row.sockets += 1;
  }

  /** Forgets requests that are over. Active requests stay counted, as requests and in the maximum. */
  reset(): void {
    this.#socketsOpened = this.#socketsOpen;
    this.#socketsIdleClosed = 0;
    this.#handshakes = { full: 0, resumed: 0 };
    for (const row of [this.#total, ...this.#profiles.values()]) {
      const { active } = row;
      Object.assign(row, { ...emptyStats(), active, requests: active, maxActive: active });
    }
  }

  snapshot(): SimulatorStats {
    return {
      sockets: {
        opened: this.#socketsOpened,
        open: this.#socketsOpen,
        closed: this.#socketsOpened - this.#socketsOpen,
        idleClosed: this.#socketsIdleClosed,
      },
      handshakes: { ...this.#handshakes },
      total: structuredClone(this.#total),
      profiles: structuredClone(Object.fromEntries(this.#profiles)),
    };
  }

  #rowsOf(profile: string): readonly ProfileStats[] {
    const row = this.#profiles.get(profile);
    return row === undefined ? [this.#total] : [this.#total, row];
  }
}

function emptyStats(): ProfileStats {
  return {
    requests: 0,
    active: 0,
    maxActive: 0,
    completed: 0,
    refused: 0,
    broken: 0,
    aborted: 0,
    abortedAfterMs: undefined,
    faults: {},
    sockets: 0,
  };
}
