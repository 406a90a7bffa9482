/** Starts an admitted run: chooses its providers, opens it on this edge, and submits it to a queue. */
import { randomUUID } from "node:crypto";
import type { GatewayConfigSource } from "@openclaw/config";
import type { ConversationMessage, Failure, RunParameters } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import type { Answer } from "../answers/answer.ts";
import type { EndedRun } from "../runs/ended-run.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { RunOpener } from "../runs/run-opener.ts";
import type { RunTraces } from "../telemetry/run-traces.ts";
import type { PromptRoom } from "./prompt-room.ts";
import { chainOf } from "./provider-chain.ts";
import type { ProviderChoice } from "./provider-choice.ts";
import { leastTokensOf, promptBytes } from "./request-size.ts";
import { type SubmitContext, submitRun } from "./submit-run.ts";

/** What a client asks of the cluster. */
export interface RunRequest {
  /** Set where the client must know the id before the run begins. */
  readonly runId?: string;
  readonly session: string;
  readonly messages: readonly ConversationMessage[];
  /** A provider or a group. Not set: the default provider. */
  readonly provider: string | undefined;
  /** How the provider is to answer. */
  readonly parameters?: RunParameters;
  /** The run goes on without any reader, also without this edge. */
  readonly background?: boolean;
  /** W3C trace context of the client, if it sent one. */
  readonly traceparent?: string | undefined;
  readonly answer: Answer;
  /** Called once, after the client was told. */
  readonly onEnded: (run: LiveRun) => void;
}

export interface RunStarterOptions {
  readonly gateway: Pick<GatewayConfigSource, "current">;
  /** Orders the members of a group. */
  readonly choice: Pick<ProviderChoice, "order">;
  readonly opener: RunOpener;
  /** Room for prompts. Not set: prompts are not bounded. */
  readonly prompts?: Pick<PromptRoom, "hold">;
  readonly traces?: Pick<RunTraces, "begin">;
  readonly submission: SubmitContext;
  /** Counts a run that was refused because another run has its id. */
  readonly onRefused?: (reason: Failure) => void;
  /** Records the end of every other run. */
  readonly onEnded: (ended: EndedRun) => void;
}

/** A run on its way: where it goes, and how large it is. */
interface BegunRun {
  readonly runId: string;
  readonly chain: readonly string[];
  readonly provider: string;
  readonly bytes: number;
}

export class RunStarter {
  readonly #options: RunStarterOptions;

  constructor(options: RunStarterOptions) {
    this.#options = options;
  }

  /** Starts a run that was admitted. Its answer hears of everything, failures included. */
  begin(request: RunRequest): LiveRun {
    const { opener, prompts, submission } = this.#options;
    const { messages, parameters = {}, background, session } = request;
    const chain = this.#chainOf(request);
    // An admitted request has at least one provider.
    const [provider = "", ...fallback] = chain;
    const runId = request.runId ?? randomUUID();
    const bytes = promptBytes({ messages, parameters });
    const { run, traceparent } = this.#open(request, { runId, chain, provider, bytes });
    const job: RunJob = {
      runId,
      session,
      provider,
      messages: [...messages],
      ...parameters,
      background,
      fallback,
      traceparent,
    };
    const { totalMs } = opener.deadlines(chain);
    const held = prompts?.hold(bytes);
    void submitRun(run, { job, totalMs }, submission).finally(() => held?.release());
    return run;
  }

  #chainOf({ messages, provider, parameters = {} }: RunRequest): string[] {
    const { choice, gateway: source } = this.#options;
    const gateway = source.current;
    const leastTokens = leastTokensOf({ messages, options: parameters.options });
    return chainOf(provider ?? gateway.defaultProvider, parameters, {
      gateway,
      choice,
      leastTokens,
    });
  }

  /** Nothing that lives as long as the run may hold its prompt: the prompt is freed once it is on a queue. */
  #open(
    { session, answer, background, onEnded, traceparent: parent }: RunRequest,
    { runId, chain, provider, bytes }: BegunRun,
  ): { readonly run: LiveRun; readonly traceparent: string | undefined } {
    const { opener, traces } = this.#options;
    const trace = traces?.begin({ runId, provider, parent });
    const run = opener.open({
      runId,
      session,
      provider,
      chain,
      promptBytes: bytes,
      answer,
      deadlines: opener.deadlines(chain),
      isBackground: background === true,
      onEnded: (ended, run) => {
        trace?.ended(ended);
        this.#ended(ended);
        onEnded(run);
      },
    });
    return { run, traceparent: trace?.traceparent };
  }

  #ended(ended: EndedRun): void {
    const { onRefused, onEnded, submission } = this.#options;
    if (ended.refusal) {
      onRefused?.(ended.refusal);
      return;
    }
    onEnded(ended);
    if (ended.byEdge) submission.announcer.announce(ended);
  }
}
