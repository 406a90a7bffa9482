/** What every library can be asked for, and what its user gets of it: the same words for all of them. */
import type { ConversationMessage, FunctionTool } from "@openclaw/protocol";

export interface Question {
  readonly model: string;
  readonly messages: readonly ConversationMessage[];
  readonly tools?: FunctionTool[] | undefined;
  readonly wantsJson?: boolean;
  readonly wantsUsage?: boolean;
  readonly temperature?: number;
}

export interface Reader {
  /** Called with each piece of text the moment the library gives it. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface Call {
  readonly id: string;
  readonly name: string;
  /** Parsed. */
  readonly arguments: unknown;
}

/** What the library made of an answer that it takes for finished. */
export interface Answered {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly Call[];
  /** In tokens; undefined if the library does not know it. */
  readonly usage: { readonly input: number; readonly output: number } | undefined;
  /** In OpenAI's words. */
  readonly finish: string | null | undefined;
}

/** What an error tells the library's user; undefined if it has no such field. */
export interface Refusal {
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly message: string;
}

/** A client as its user has it after its few lines of set-up. Rejects with the library's own errors. */
export interface ChatClient {
  stream(question: Question, reader?: Reader): Promise<Answered>;
  whole(question: Question): Promise<Answered>;
  /** Names of models; absent where the library has nothing of the kind. */
  models?(): Promise<readonly string[]>;
  refusalOf(error: unknown): Refusal;
  /** Lets go of what it holds; absent where that is nothing. */
  close?(): void;
}

export interface ClientOptions {
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly fetch: typeof globalThis.fetch;
  /** How often a failed request is sent again; the library's own default where it is absent. */
  readonly maxRetries: number | undefined;
}

export type CreateClient = (options: ClientOptions) => ChatClient;

/** A field of a thing that may be anything, as errors are. */
export function fieldOf(thing: unknown, name: string): unknown {
  if (typeof thing !== "object" || thing === null) return undefined;
  return Object.entries(thing).find(([key]) => key === name)?.[1];
}

/** As `fieldOf`, where it is a text. */
export function textOf(thing: unknown, name: string): string | undefined {
  const value = fieldOf(thing, name);
  return typeof value === "string" ? value : undefined;
}
