import type {
  ConnectionLabel,
  ConversationMessage,
  FinishReason,
  RunParameters,
  Usage,
} from "@openclaw/protocol";

/** What a run asks of a provider; everything else (model, key, host) is the provider's configuration. */
export interface ChatRequest extends Readonly<RunParameters> {
  readonly messages: readonly ConversationMessage[];
  /**
   * The beginning of the answer, which the provider is to continue: its events are what follows, which
   * may be nothing. Only for a provider that `canContinue`.
   */
  readonly partial?: string | undefined;
}

/**
 * A piece of a call to one of the client's tools. The first piece of each call has its id, unique in this
 * answer, and its name; later ones have neither, and are never empty. `index` counts calls from 0.
 */
export interface ToolCallEvent {
  readonly type: "tool_call";
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  /** JSON, once all pieces are joined. */
  readonly arguments: string;
}

/** What a provider's answer consists of, in the order it arrives, whatever the provider's dialect. */
export type ProviderEvent =
  /**
   * A response began, of whatever status. Nothing of the answer is known yet.
   * `sentAt` is when the request went out, on this process's monotonic clock.
   */
  | { readonly type: "headers"; readonly connection: ConnectionLabel; readonly sentAt: number }
  /** A piece of the answer, never empty. `isRefusal` where the model says why it does not answer. */
  | { readonly type: "text"; readonly text: string; readonly isRefusal?: true }
  /** A piece of the model's thinking, never empty. */
  | { readonly type: "reasoning"; readonly text: string }
  /** Only where the request had tools. */
  | ToolCallEvent
  /** Always last, exactly once, and only where the provider itself said that it finished. */
  | {
      readonly type: "finished";
      readonly finish: FinishReason;
      readonly usage: Usage | undefined;
      /** The model that answered, as the provider calls it. */
      readonly model: string | undefined;
    };
