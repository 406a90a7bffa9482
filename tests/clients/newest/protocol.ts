/** What the test's process and the later Node tell each other over IPC, as JSON. */
import type { Answered, ClientOptions, Question, Refusal } from "../chat-client.ts";
import type { Exchange } from "../wire.ts";

export const NEWEST_LIBRARIES = ["openai", "ai", "langchain"] as const;
export type NewestLibrary = (typeof NEWEST_LIBRARIES)[number];

/** As `ClientOptions`; what the host's own `fetch` sees comes back as `exchange`. */
export type HostedOptions = Omit<ClientOptions, "fetch">;

/** To the host. `client` and `call` are numbers of the sender's choice. */
export type Order =
  | {
      readonly kind: "create";
      readonly client: number;
      readonly library: NewestLibrary;
      readonly options: HostedOptions;
    }
  | {
      readonly kind: "ask";
      readonly client: number;
      readonly call: number;
      readonly way: "stream" | "whole";
      readonly question: Question;
    }
  | { readonly kind: "models"; readonly client: number; readonly call: number }
  | { readonly kind: "abort"; readonly call: number };

/** From the host. Everything of a call comes before its `answered` or `failed`. */
export type News =
  | { readonly kind: "ready" }
  /** Request `index` of a client, twice: when it was sent and when it was answered. Times are `monotonicMs`. */
  | {
      readonly kind: "exchange";
      readonly client: number;
      readonly index: number;
      readonly exchange: Exchange;
    }
  | { readonly kind: "text"; readonly call: number; readonly text: string }
  | {
      readonly kind: "answered";
      readonly call: number;
      readonly value: Answered | readonly string[];
    }
  /** `refusal` is absent where the error is not one of the library's. */
  | {
      readonly kind: "failed";
      readonly call: number;
      readonly message: string;
      readonly stack: string | undefined;
      readonly refusal: Refusal | undefined;
    };

/** How far the clock of all processes is ahead of `performance.now()` of this one, in ms. */
export const CLOCK_SHIFT_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The same exchange, with its times moved from one clock to another. */
export function shifted(exchange: Exchange, ms: number): Exchange {
  const { sentAt, answeredAt } = exchange;
  return {
    ...exchange,
    sentAt: sentAt + ms,
    answeredAt: answeredAt === undefined ? undefined : answeredAt + ms,
  };
}
