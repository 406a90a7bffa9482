/**
 * The results of a check, in the form that `--json` prints. A missing field is not known. No field holds a key, the text
 * of an answer, or more of a URL than its host.
 */
import type { ProviderConfig, Target } from "@openclaw/config";
import type { ConnectionLabel, ErrorCode, Usage } from "@openclaw/protocol";

/** The question has an answer of many pieces, and no provider needs to think about it. */
export const QUESTION = "Count from one to thirty in English words, separated by commas.";
/** Enough to see an answer stream, at next to no cost. */
export const MAX_TOKENS = 64;

/** Pieces that all arrive within this time came together: no model writes as fast. */
export const LUMP_MS = 20;

/**
 * The steps of a connection, in this order. TLS only for https, DNS only for names. With a proxy, `proxy` is its tunnel,
 * DNS and TCP lead to the proxy, and TLS is the provider's inside the tunnel.
 */
export const STEPS = ["dns", "tcp", "proxy", "tls"] as const;
export type Step = (typeof STEPS)[number];

export interface ConnectionReport {
  /** `HOST:PORT`. */
  readonly host: string;
  /** `HOST:PORT` of the proxy, if there is one. */
  readonly proxy?: string;
  /** How long each step took, a failed one included. */
  readonly stepMs: Readonly<Partial<Record<Step, number>>>;
  /** The code of the system, such as `ENOTFOUND` or `CERT_HAS_EXPIRED`; for a proxy also `HTTP_407` and the like. */
  readonly failed?: { readonly step: Step; readonly cause: string };
}

/** One answer. All times count from the question. */
export interface Answer {
  readonly connection: ConnectionLabel;
  /** The first piece, text or reasoning. */
  readonly firstTokenMs: number;
  /** Missing if the whole answer was reasoning. */
  readonly firstTextMs?: number;
  readonly fullMs: number;
  readonly pieces: number;
  /** From the first piece to the last. Close to 0 for an answer in one lump. */
  readonly streamedMs: number;
  /** From the provider, if it sent usage. */
  readonly usage?: Usage;
}

/** The connection of a question, in this order. */
export const TEMPERATURES = ["cold", "warm"] as const satisfies readonly ConnectionLabel[];
export type Temperature = (typeof TEMPERATURES)[number];

/** Codes of findings that would not fail a run. */
export type RemarkCode = "target_missed" | "one_lump" | "never_warm" | "reasoning_only";

export interface Finding {
  /** `fail` makes the check fail; `warn` does not. */
  readonly level: "fail" | "warn";
  /** A failure has the code that the clients of a run would get. */
  readonly code: ErrorCode | RemarkCode;
  /** One sentence that says what is wrong. */
  readonly message: string;
  /** One sentence that says what to do. */
  readonly action: string;
}

export interface ProviderReport {
  readonly name: string;
  readonly kind: ProviderConfig["kind"];
  readonly model: string;
  readonly region: ProviderConfig["region"];
  readonly simulated: boolean;
  readonly verdict: "ok" | "warn" | "fail";
  readonly connection: ConnectionReport;
  readonly keyAccepted?: boolean;
  readonly modelServed?: boolean;
  /** The better of at most two answers each. */
  readonly answers: Readonly<Partial<Record<Temperature, Answer>>>;
  /** Requests that were sent to it. */
  readonly requests: number;
  readonly findings: readonly Finding[];
}

export function verdictOf(findings: readonly Finding[]): ProviderReport["verdict"] {
  if (findings.some(({ level }) => level === "fail")) return "fail";
  return findings.length > 0 ? "warn" : "ok";
}

/** When the text begins. Without text, it would have begun later than the reasoning did. */
export function firstTextOf({ firstTextMs, firstTokenMs }: Answer): number {
  return firstTextMs ?? firstTokenMs;
}

export function meets(answer: Answer, { firstTextMs, fullMs }: Target): boolean {
  return firstTextOf(answer) <= firstTextMs && answer.fullMs <= fullMs;
}

export function isStreamed({ pieces, streamedMs }: Answer): boolean {
  return pieces > 1 && streamedMs >= LUMP_MS;
}

/** A duration for people: `7 ms`, `1.25 s`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.max(1, Math.round(ms))} ms`;
  return `${Number((ms / 1_000).toFixed(2))} s`;
}
