/**
 * What a refusal means in one dialect, and what a user may be told of it.
 *
 * A refusal may quote the request. So each request reads its refusals through a `RefusalReader`, which takes the
 * client's own words out before any rule looks at the text.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { ChatRequest } from "../contract/provider-event.ts";
import { withoutClientWords } from "../refusals/client-words.ts";
import type { Refusal } from "../refusals/refusal.ts";
import { classifyCommon, isCommonCode, reasonOf } from "../refusals/refusal-rules.ts";
import type { Dialect } from "./dialect.ts";

/** Reads the refusals of one request. */
export class RefusalReader {
  /** The provider's dialect, without the words of this request in any refusal. */
  readonly dialect: Dialect;
  readonly #dialect: Dialect;
  #first: Refusal | undefined;

  constructor(dialect: Dialect, { messages, ...fields }: ChatRequest) {
    const sent = [messages, fields];
    this.#dialect = dialect;
    this.dialect = {
      ...dialect,
      redact: (refusal) => {
        const redacted = withoutClientWords(refusal, sent);
        // The first reading is complete. Later ones may have lost words.
        this.#first ??= redacted;
        return redacted;
      },
    };
  }

  /**
   * The code of the refusal without its text, which may quote the request. Before an answer the HTTP status decides,
   * inside an answer (status 200) the names of errors. Undefined without a refusal.
   */
  codeWithoutText(status: number): ErrorCode | undefined {
    if (!this.#first) return undefined;
    const { names } = this.#first;
    const refusal =
      status === 200 ? { ...this.#first, text: names } : { status, code: "", text: "", names: "" };
    return classifyRefusal(this.#dialect, refusal);
  }
}

export function classifyRefusal(dialect: Dialect, refusal: Refusal): ErrorCode {
  const redacted = dialect.redact?.(refusal) ?? refusal;
  return classifyByDialect(dialect, redacted) ?? classifyCommon(redacted);
}

/** What a user may be told of a refusal: its status, its code if we know it, and the reason in our own words. */
export function refusalDetail(dialect: Dialect, refusal: Refusal): string | undefined {
  const redacted = dialect.redact?.(refusal) ?? refusal;
  const { status, code } = redacted;
  const isKnown = Object.hasOwn(dialect.codes, code) || isCommonCode(code);
  const reason =
    classifyByDialect(dialect, redacted) === undefined ? reasonOf(redacted) : undefined;
  const parts = [
    ...(status === undefined ? [] : [`HTTP ${status}`]),
    ...(isKnown ? [`code ${code}`] : []),
    ...(reason === undefined ? [] : [reason]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

function classifyByDialect(dialect: Dialect, refusal: Refusal): ErrorCode | undefined {
  const { codes } = dialect;
  const known = Object.hasOwn(codes, refusal.code) ? codes[refusal.code] : undefined;
  return known ?? dialect.classify?.(refusal);
}
