/**
 * Whom a provider serves: the models of an account, its rate, a model's end, a full model server.
 *
 * Unlike faults these depend on who asks for what, so they are judged before any fault is drawn.
 */
import type { FaultFields } from "./fault-fields.ts";
import type { FaultSettings } from "./fault-settings.ts";

const MINUTE_MS = 60_000;

export type AdmissionKind = "concurrency" | "capacity" | "perMinute" | "account" | "endOfLife";

export interface Admissible {
  readonly profile: string;
  readonly key: string;
  readonly model: string;
}

export interface Refused {
  readonly kind: AdmissionKind;
  readonly fields: FaultFields;
}

export class Admission {
  readonly #inFlight = new Map<string, number>();
  /** When each key's requests of the last minute came, by `performance.now()`, oldest first. */
  readonly #recent = new Map<string, number[]>();
  #full = 0;

  /** Lets a request in, which is to `leave` then, or says why not. */
  enter(asked: Admissible, settings: FaultSettings): Refused | undefined {
    const others = this.#inFlight.get(asked.profile) ?? 0;
    const refused =
      this.#crowded(asked.profile, others, settings) ??
      unserved(asked, settings) ??
      this.#hasty(asked.key, settings);
    if (refused === undefined) this.#inFlight.set(asked.profile, others + 1);
    return refused;
  }

  leave(profile: string): void {
    this.#inFlight.set(profile, (this.#inFlight.get(profile) ?? 1) - 1);
  }

  /** Minutes begin again; requests in flight keep their places. */
  forget(): void {
    this.#recent.clear();
  }

  #crowded(profile: string, others: number, settings: FaultSettings): Refused | undefined {
    const { concurrency, capacity } = settings;
    if (others >= (concurrency[profile] ?? Number.POSITIVE_INFINITY)) {
      return { kind: "concurrency", fields: { status: 429 } };
    }
    if (others < (capacity[profile] ?? Number.POSITIVE_INFINITY)) return undefined;
    // A full server answers in two ways, and no document says when in which.
    this.#full += 1;
    return { kind: "capacity", fields: this.#full % 2 === 1 ? { status: 503 } : { errorAfter: 0 } };
  }

  #hasty(key: string, { accounts }: FaultSettings): Refused | undefined {
    const limit = accounts[key]?.perMinute;
    if (limit === undefined) return undefined;
    const now = performance.now();
    const recent = (this.#recent.get(key) ?? []).filter((at) => now - at < MINUTE_MS);
    this.#recent.set(key, recent);
    if (recent.length >= limit) return { kind: "perMinute", fields: { status: 429 } };
    recent.push(now);
    return undefined;
  }
}

function unserved({ key, model }: Admissible, settings: FaultSettings): Refused | undefined {
  const { accounts, endOfLife } = settings;
  const end = endOfLife[model];
  if (end !== undefined && Date.parse(end) <= Date.now()) {
    return { kind: "endOfLife", fields: { status: 410 } };
  }
  const { models } = accounts[key] ?? {};
  if (models === undefined || models.includes(model)) return undefined;
  return { kind: "account", fields: { status: 404 } };
}
