/**
 * Decides which request gets which fault.
 *
 * A decision depends only on the seed, the profile and the number of the request among the profile's own. Each
 * request makes the same draws, needed or not. So the traffic of another profile and the directive of a request do
 * not shift the sequence.
 */
import { type Directive, withoutFaults } from "../directive.ts";
import { createRandom, type Random, seedOf } from "../text/random.ts";
import { type Admissible, Admission, type AdmissionKind } from "./admission.ts";
import { FAULT_KINDS, type FaultFields, type FaultKind, faultOf } from "./fault-fields.ts";
import { type FaultSettings, NO_FAULTS } from "./fault-settings.ts";

/** The latest place of a random fault, in deltas: most answers are longer. */
const LATEST = 40;
/** Later than a user likes to wait, and sooner than a user gives up. */
const LATE_MS = 10_000;
/** A byte each so often makes a frame take seconds. */
const DRIP_MS = 20;

/** As long as a delta is on the wire, about. */
const BYTES = 150;

/** A name of the stats. */
export type InjectedKind = FaultKind | AdmissionKind | "burst";

export interface Decision {
  /** What to do, the fault included. */
  readonly directive: Directive;
  readonly kind: InjectedKind | undefined;
  /** Gives the request's place back. */
  readonly release: () => void;
}

export interface Occasion extends Admissible {
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
  readonly #admission = new Admission();

  get settings(): FaultSettings {
    return this.#settings;
  }

  /** Begins every sequence again; requests in flight keep their decisions and still count. */
  set(settings: FaultSettings): void {
    this.#settings = settings;
    this.#sequences.clear();
    this.#admission.forget();
  }

  /** Admission comes first, then a request's own fault, then the faults of the settings. */
  decide({ profile, key, model, asked, reused }: Occasion): Decision {
    const drawn = this.#draw(profile);
    const refused = this.#admission.enter({ profile, key, model }, this.#settings);
    if (refused !== undefined) {
      const directive = { ...withoutFaults(asked), ...refused.fields };
      return { directive, kind: refused.kind, release: () => undefined };
    }
    const release = () => this.#admission.leave(profile);
    const own = faultOf(asked);
    const { kind, fields } = own === undefined ? drawn : { kind: own, fields: asked };
    if (kind === undefined || (kind === "stale" && !reused)) {
      return { directive: withoutFaults(asked), kind: undefined, release };
    }
    return { directive: { ...asked, ...fields }, kind, release };
  }

  #draw(profile: string): Partial<Injected> {
    const { probability, statusFault, burst, faultOn } = this.#settings;
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
    if (kind === undefined) return {};
    if (kind === "status") return { kind, fields: statusFault };
    return { kind, fields: fieldsOf(kind, Math.floor(where * LATEST)) };
  }

  #sequenceOf(profile: string): Sequence {
    const known = this.#sequences.get(profile);
    if (known) return known;
    const random = createRandom(seedOf(`faults:${this.#settings.seed}:${profile}`));
    const sequence = { random, requests: 0 };
    this.#sequences.set(profile, sequence);
    return sequence;
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

function fieldsOf(kind: Exclude<FaultKind, "status">, after: number): FaultFields {
  switch (kind) {
    case "refuse":
    case "stale":
    case "hang":
      return { [kind]: true };
    case "lateMs":
      return { lateMs: LATE_MS };
    case "dripMs":
      return { dripMs: DRIP_MS };
    case "cutAtByte":
    case "resetAtByte":
      return { [kind]: after * BYTES };
    default:
      return { [kind]: after };
  }
}
