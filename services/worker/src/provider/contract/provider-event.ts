import type {
  ConnectionLabel,
  ConversationMessage,
  FinishReason,
  RunParameters,
  Usage,
} from "@openclaw/protocol";

/** The request of a run. Model, key and host are the provider's configuration. */
export interface ChatRequest extends Readonly<RunParameters> {
  readonly messages: readonly ConversationMessage[];
  /**
   * The beginning of the answer, for the provider to continue. The events then have only the rest, which may be
   * empty. Only for a provider that `canContinue`.
   */
  readonly partial?: string | undefined;
}

/**
 * A piece of a call to one of the client's tools. The first piece of each call has the call's name and its id, which
 * is unique in this answer. Later pieces have neither, and are never empty. `index` counts calls from 0.
 */
export interface ToolCallEvent {
  readonly type: "tool_call";
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  /** All pieces joined are JSON. */
  readonly arguments: string;
}

/** A part of a provider's answer, in the order of arrival. All dialects have the same events. */
export type ProviderEvent =
  /**
   * A response began, with any status.
   * `sentAt` is when the request went out, on this process's monotonic clock.
   */
  | { readonly type: "headers"; readonly connection: ConnectionLabel; readonly sentAt: number }
  /** A piece of the answer, never empty. With `isRefusal`, the model says why it does not answer. */
  | { readonly type: "text"; readonly text: string; readonly isRefusal?: true }
  /** A piece of the model's thinking, never empty. */
  | { readonly type: "reasoning"; readonly text: string }
  /** Only where the request had tools. */
  | ToolCallEvent
  /** Always last, exactly once, and only if the provider said that the answer is complete. */
  | {
      readonly type: "finished";
      readonly finish: FinishReason;
      readonly usage: Usage | undefined;
      /** The provider's name for the model that answered. */
      readonly model: string | undefined;
    };
