/**
 * What a check finds out, in the shape that `--json` prints. A field that is absent is not known.
 * No field ever holds a key, a question's answer, or more of a URL than its host.
 */
import type { ProviderConfig } from "@openclaw/config";
import type { ConnectionLabel, ErrorCode, Usage } from "@openclaw/protocol";

/**
 * What a connection consists of, in this order. TLS only for https, DNS only for names; `proxy` is the tunnel, where a proxy
 * leads to the provider: DNS and TCP are then those of the proxy, TLS is the provider's inside the tunnel.
 */
export const STEPS = ["dns", "tcp", "proxy", "tls"] as const;
export type Step = (typeof STEPS)[number];

export interface ConnectionReport {
  /** `HOST:PORT`. */
  readonly host: string;
  /** `HOST:PORT` of the proxy that leads there. */
  readonly proxy?: string;
  /** How long each step took that was begun, the one that failed included. */
  readonly stepMs: Readonly<Partial<Record<Step, number>>>;
  /** The system's own code, such as `ENOTFOUND` or `CERT_HAS_EXPIRED`; of a proxy also `HTTP_407` and the like. */
  readonly failed?: { readonly step: Step; readonly cause: string };
}

/** One answer, each time counted from the moment it was asked for. */
export interface Answer {
  readonly connection: ConnectionLabel;
  /** The first piece, be it text or reasoning. */
  readonly firstTokenMs: number;
  /** Absent where all of the answer was reasoning. */
  readonly firstTextMs?: number;
  readonly fullMs: number;
  readonly pieces: number;
  /** From the first piece to the last: next to nothing where they came in one lump. */
  readonly streamedMs: number;
  /** As the provider counted, where it did. */
  readonly usage?: Usage;
}

/** What a question is asked on, in this order. */
export const TEMPERATURES = ["cold", "warm"] as const satisfies readonly ConnectionLabel[];
export type Temperature = (typeof TEMPERATURES)[number];

/** Codes of what is no failure of a run, but not as it should be either. */
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
