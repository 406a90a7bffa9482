import type { ProviderConfig } from "@openclaw/config";
import type {
  ConversationMessage,
  ErrorCode,
  LimitName,
  PassedFields,
  RunOptions,
} from "@openclaw/protocol";
import type { Refusal } from "../refusals/refusal.ts";

/** Where one kind of provider differs from the OpenAI chat completions API. */
export interface Dialect {
  /** Fields of the request beyond `model`, `messages` and `stream`. Only documented ones: others are refused. */
  requestFields(config: ProviderConfig): Readonly<Record<string, unknown>>;
  /** A message of the conversation, as its models take it. */
  message(message: ConversationMessage, config: ProviderConfig): ConversationMessage;
  /**
   * Passed fields where they have other names, or only some are known. They replace those of
   * `requestFields`; one that is undefined takes it away. What would change the answer is not left out.
   */
  passedFields?(passed: PassedFields, config: ProviderConfig): Readonly<Record<string, unknown>>;
  /** Headers beyond the common ones. */
  requestHeaders?(config: ProviderConfig): Readonly<Record<string, string>>;
  /** A run's options where its ranges are narrower than usual. */
  options?(options: RunOptions): RunOptions;
  /** What it calls the limit of an answer, where that is not the client's to say. */
  limitName?(config: ProviderConfig): LimitName | undefined;
  /** `wantsReasoning` where the configuration does not say. */
  wantsReasoning?(config: ProviderConfig): boolean;
  /** How to ask for the continuation of a trailing assistant message; absent where nobody documents it. */
  continuation?(config: ProviderConfig): Continuation;
  /** `finishesWithDone` where the configuration does not say. */
  readonly finishesWithDone?: boolean;
  /** Codes of the provider's error envelope: a closed vocabulary, so they may be shown. */
  readonly codes: Readonly<Record<string, ErrorCode>>;
  /** What cannot be told by code alone; undefined leaves it to the common rules. */
  classify?(refusal: Refusal): ErrorCode | undefined;
  /** For one request: the refusal without the words that it quotes of that request. */
  redact?(refusal: Refusal): Refusal;
}

/** What makes a trailing assistant message the beginning of the answer instead of history. */
export interface Continuation {
  /** Fields of that message. */
  readonly message?: Readonly<Record<string, unknown>>;
  /** Fields of the request. */
  readonly request?: Readonly<Record<string, unknown>>;
}
