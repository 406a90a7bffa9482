/** Admits or refuses each request for a run at once, before anything of the run exists. */
import type { GatewayConfigSource, RequestParameters } from "@openclaw/config";
import { type ConversationMessage, type Failure, failure } from "@openclaw/protocol";
import type { Component } from "@openclaw/runtime";
import type { LiveRuns } from "../runs/live-runs.ts";
import type { Reservation } from "./byte-budget.ts";
import type { PromptRoom } from "./prompt-room.ts";
import { chainRefusal, type RequestRefusal } from "./provider-chain.ts";
import { promptBytes } from "./request-size.ts";

export interface RunAdmissionOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  readonly runs: Pick<LiveRuns, "count">;
  readonly maxRuns: number;
  /** Room for prompts. Not set: prompts are not bounded. */
  readonly prompts?: Pick<PromptRoom, "refusal" | "holdWaiting">;
  /** Whether Redis accepts writes now, and messages published there reach this edge. */
  readonly isRedisWell: () => boolean;
  /** Counts a refusal. */
  readonly onRefused?: (reason: Failure) => void;
}

export class RunAdmission implements Component {
  readonly name = "run admission";
  readonly #options: RunAdmissionOptions;
  #draining = false;

  constructor(options: RunAdmissionOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    // Nothing to prepare.
  }

  /** From now on every request is refused as `draining`. */
  async drain(): Promise<void> {
    this.#draining = true;
  }

  async stop(): Promise<void> {
    // Nothing to release.
  }

  /** Why a request for this provider, with these parameters, is refused right now. Counts the refusal. */
  refusal(
    provider: string | undefined,
    parameters: RequestParameters = {},
    messages?: readonly ConversationMessage[],
  ): RequestRefusal | undefined {
    const refusal =
      this.#refusal(provider, parameters) ??
      (messages && this.#options.prompts?.refusal(promptBytes({ messages, parameters })));
    if (refusal) this.refused(refusal);
    return refusal;
  }

  /**
   * Holds the bytes of a request that waits for its turn, until they are released. A failure if there is no room;
   * undefined if prompts are not bounded.
   */
  holdWaiting(messages: readonly ConversationMessage[]): Reservation | Failure | undefined {
    return this.#options.prompts?.holdWaiting(promptBytes({ messages }));
  }

  /** Counts a refusal that the caller decided. */
  refused(reason: Failure): void {
    this.#options.onRefused?.(reason);
  }

  #refusal(
    provider: string | undefined,
    parameters: RequestParameters,
  ): RequestRefusal | undefined {
    const { runs, maxRuns, isRedisWell } = this.#options;
    const gateway = this.#options.gateway.current;
    const refusal = chainRefusal(provider ?? gateway.defaultProvider, parameters, gateway);
    if (refusal) return refusal;
    if (this.#draining) return failure("draining");
    if (!isRedisWell()) return failure("unavailable");
    if (runs.count >= maxRuns) {
      return failure(
        "overloaded",
        `This server has ${maxRuns} runs open, its limit. Try again shortly.`,
      );
    }
    return undefined;
  }
}
