/** What one exchange hears of refusals: without the client's own words, and what is left without sentences. */
import type { ErrorCode } from "@openclaw/protocol";
import type { ChatRequest } from "../contract/provider-event.ts";
import { classifyRefusal, type Dialect } from "../dialects/dialect.ts";
import { withoutClientWords } from "./client-words.ts";
import type { Refusal } from "./refusal.ts";

export class HeardRefusal {
  /** Reads refusals as this exchange hears them. */
  readonly dialect: Dialect;
  readonly #spoken: Dialect;
  #heard: Refusal | undefined;

  constructor(dialect: Dialect, { messages, ...fields }: ChatRequest) {
    const said = [messages, fields];
    this.#spoken = dialect;
    this.dialect = {
      ...dialect,
      heard: (refusal) => {
        const heard = withoutClientWords(refusal, said);
        // Told of it afterwards, it may have less.
        this.#heard ??= heard;
        return heard;
      },
    };
  }

  /**
   * What a refusal means whatever its sentences say: by its status before an answer, by the names of errors within
   * one. Undefined where nothing was refused.
   *
   * @param status of HTTP
   */
  withoutWords(status: number): ErrorCode | undefined {
    if (!this.#heard) return undefined;
    const { names } = this.#heard;
    const refusal =
      status === 200 ? { ...this.#heard, text: names } : { status, code: "", text: "", names: "" };
    return classifyRefusal(this.#spoken, refusal);
  }
}
