/**
 * Decides which request gets which fault.
 *
 * A decision depends on the seed, the profile and the number of the request among the profile's own,
 * and on nothing else: each request makes the same draws whether or not they are needed, so neither
 * another profile's traffic nor a request's own wishes shift the sequence.
 */
import { type Directive, withoutFaults } from "../directive.ts";
import { createRandom, type Random, seedOf } from "../text/random.ts";
import { FAULT_KINDS, type FaultFields, type FaultKind, faultOf } from "./fault-fields.ts";
import { type FaultSettings, NO_FAULTS } from "./fault-settings.ts";

/** The latest place of a random fault, in deltas: most answers are longer. */
const LATEST = 40;
/** A byte each so often makes a frame take seconds. */
const DRIP_MS = 20;

/** A name of the stats. */
export type InjectedKind = FaultKind | "burst" | "concurrency";

export interface Decision {
  /** What to do, the fault included. */
  readonly directive: Directive;
  readonly kind: InjectedKind | undefined;
  /** Gives the request's place back. */
  readonly release: () => void;
}

export interface Occasion {
  readonly profile: string;
  readonly asked: Directive;
  /** The socket carried a request before. */
  readonly reused: boolean;
}

interface Injected {
  readonly kind: InjectedKind;
  readonly fields: FaultFields;
}

interface Sequence {
  readonly random: Random;
  requests: number;
}

export class FaultInjector {
  #settings: FaultSettings = NO_FAULTS;
  readonly #sequences = new Map<string, Sequence>();
  readonly #inFlight = new Map<string, number>();

  get settings(): FaultSettings {
    return this.#settings;
  }

  /** Begins every sequence anew; requests in flight keep what was decided and still count. */
  set(settings: FaultSettings): void {
    this.#settings = settings;
    this.#sequences.clear();
  }

  /** A request's own fault goes before those of the settings, a full profile before both. */
  decide({ profile, asked, reused }: Occasion): Decision {
    const drawn = this.#draw(profile);
    if (!this.#enter(profile)) {
      const directive = { ...withoutFaults(asked), status: 429 };
      return { directive, kind: "concurrency", release: () => undefined };
    }
    const release = () => this.#leave(profile);
    const own = faultOf(asked);
    const { kind, fields } = own === undefined ? drawn : { kind: own, fields: asked };
    if (kind === undefined || (kind === "stale" && !reused)) {
      return { directive: withoutFaults(asked), kind: undefined, release };
    }
    return { directive: { ...asked, ...fields }, kind, release };
  }

  #draw(profile: string): Partial<Injected> {
    const { probability, burst, faultOn } = this.#settings;
    if (faultOn && !faultOn.includes(profile)) return {};
    const sequence = this.#sequenceOf(profile);
    const number = sequence.requests;
    sequence.requests += 1;
    const [which, where] = [sequence.random(), sequence.random()];
    if (burst && number % burst.every < burst.requests) {
      const { status, retryAfterS } = burst;
      return { kind: "burst", fields: { status, retryAfterS } };
    }
    const kind = kindAt(which, probability);
    return kind === undefined ? {} : { kind, fields: fieldsOf(kind, Math.floor(where * LATEST)) };
  }

  #sequenceOf(profile: string): Sequence {
    const known = this.#sequences.get(profile);
    if (known) return known;
    const random = createRandom(seedOf(`faults:${this.#settings.seed}:${profile}`));
    const sequence = { random, requests: 0 };
    this.#sequences.set(profile, sequence);
    return sequence;
  }

  #enter(profile: string): boolean {
    const others = this.#inFlight.get(profile) ?? 0;
    const limit = this.#settings.concurrency[profile];
    if (limit !== undefined && others >= limit) return false;
    this.#inFlight.set(profile, others + 1);
    return true;
  }

  #leave(profile: string): void {
    this.#inFlight.set(profile, (this.#inFlight.get(profile) ?? 1) - 1);
  }
}

/** Each fault has a share of [0, 1) as wide as its probability, one behind the other. */
function kindAt(point: number, probability: FaultSettings["probability"]): FaultKind | undefined {
  let end = 0;
  for (const kind of FAULT_KINDS) {
    end += probability[kind] ?? 0;
    if (point < end) return kind;
  }
  return undefined;
}

function fieldsOf(kind: FaultKind, after: number): FaultFields {
  switch (kind) {
    case "refuse":
    case "stale":
    case "hang":
      return { [kind]: true };
    case "status":
      return { status: 500 };
    case "dripMs":
      return { dripMs: DRIP_MS };
    default:
      return { [kind]: after };
  }
}
