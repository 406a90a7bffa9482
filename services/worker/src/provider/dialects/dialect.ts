import type { ProviderConfig } from "@openclaw/config";
import type {
  ConversationMessage,
  ErrorCode,
  LimitName,
  PassedFields,
  RunOptions,
} from "@openclaw/protocol";
import type { Refusal } from "../refusals/refusal.ts";

/** The differences of one kind of provider from OpenAI's chat completions API. */
export interface Dialect {
  /** Fields of the request besides `model`, `messages` and `stream`. Only documented fields: providers refuse others. */
  requestFields(config: ProviderConfig): Readonly<Record<string, unknown>>;
  /** A message of the conversation, in the form that its models take. */
  message(message: ConversationMessage, config: ProviderConfig): ConversationMessage;
  /**
   * Passed fields, for a provider that has other names for them or knows only some. They replace those of
   * `requestFields`. An undefined field removes it. Fields that change the answer must stay.
   */
  passedFields?(passed: PassedFields, config: ProviderConfig): Readonly<Record<string, unknown>>;
  /** Headers besides the common ones. */
  requestHeaders?(config: ProviderConfig): Readonly<Record<string, string>>;
  /** A run's options, for a provider with narrower ranges. */
  options?(options: RunOptions): RunOptions;
  /** Its name for the limit of an answer. Without it, the client's name is used. */
  limitName?(config: ProviderConfig): LimitName | undefined;
  /** The default of `wantsReasoning` in the configuration. */
  wantsReasoning?(config: ProviderConfig): boolean;
  /** How to ask for the continuation of a trailing assistant message. Missing without documentation. */
  continuation?(config: ProviderConfig): Continuation;
  /** The default of `finishesWithDone` in the configuration. */
  readonly finishesWithDone?: boolean;
  /** Codes of the provider's error envelope. They are a closed vocabulary, so users may see them. */
  readonly codes: Readonly<Record<string, ErrorCode>>;
  /** Classifies by more than the code. Undefined leaves the refusal to the common rules. */
  classify?(refusal: Refusal): ErrorCode | undefined;
  /** For one request: the refusal without the words that it quotes of that request. */
  redact?(refusal: Refusal): Refusal;
}

/** Marks a trailing assistant message as the beginning of the answer. */
export interface Continuation {
  /** Fields of that message. */
  readonly message?: Readonly<Record<string, unknown>>;
  /** Fields of the request. */
  readonly request?: Readonly<Record<string, unknown>>;
}
