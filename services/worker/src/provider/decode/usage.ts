/**
 * The tokens of an answer, from all usage fields that a provider sends.
 *
 * Most providers send usage once, or send the sum so far many times: then the last one is right. Some send the cost of
 * each piece, in the same field.
 */
import type { Usage } from "@openclaw/protocol";
import { isObject, type JsonObject } from "../contract/json.ts";
import { type Fail, malformed } from "../contract/provider-error.ts";

/** Names in the chat completions API and its relatives. */
const INPUT = [
  ...["prompt_tokens", "input_tokens", "PromptTokens", "promptTokens", "inputTokens"],
  "promptTokenCount",
];
const OUTPUT = [
  ...["completion_tokens", "output_tokens", "CompletionTokens", "completionTokens"],
  ...["outputTokens", "candidatesTokenCount"],
];
const TOTAL = ["total_tokens", "TotalTokens", "totalTokens", "totalTokenCount"];
/** Names of the usage itself, in an event, a choice or a delta. */
const FIELDS = ["usageMetadata", "usage"];

interface Counts {
  readonly input: number | undefined;
  readonly output: number | undefined;
}

export class UsageTally {
  readonly #fail: Fail;
  #input: number | undefined;
  /** The input shrank, so it was not a sum. */
  #isDoubtful = false;
  /** Usage that came with pieces of the answer: of each piece, or of all so far. */
  #pieces = { count: 0, sum: 0, last: 0, ones: 0, hasShrunk: false };
  /** Usage that came without a piece, behind the last one. */
  #apart: number | undefined;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /**
   * Reads the usage of an event, a choice or a delta.
   *
   * @param isPiece a piece of the answer came with it
   * @throws ProviderError for anything but an object of numbers
   */
  read(holder: unknown, isPiece: boolean): void {
    if (!isObject(holder)) return;
    for (const field of FIELDS) {
      if (holder[field]) this.#add(readCounts(holder[field], this.#fail), isPiece);
    }
    if (isObject(holder.x_groq)) this.read(holder.x_groq, isPiece);
  }

  /** Undefined without usage, and if its meaning is not clear. */
  get usage(): Usage | undefined {
    const outputTokens = this.#output();
    if (this.#input === undefined || outputTokens === undefined) return undefined;
    return { inputTokens: this.#input, outputTokens };
  }

  #add({ input, output }: Counts, isPiece: boolean): void {
    if (isPiece && input !== undefined) this.#isDoubtful ||= input < (this.#input ?? 0);
    // 0 means "not counted" if other numbers came.
    this.#input = input || (this.#input ?? input);
    if (output === undefined) return;
    if (!isPiece) {
      this.#apart = output || (this.#apart ?? output);
      return;
    }
    this.#apart = undefined;
    const { count, sum, last, ones, hasShrunk } = this.#pieces;
    this.#pieces = {
      count: count + 1,
      sum: sum + output,
      last: output || last,
      ones: ones + (output === 1 ? 1 : 0),
      hasShrunk: hasShrunk || (output > 0 && output < last),
    };
  }

  #output(): number | undefined {
    const { count, sum, last, ones, hasShrunk } = this.#pieces;
    if (count === 0) return this.#apart;
    // A sum never shrinks, and grows with each token.
    const isSummed = hasShrunk || (count >= 3 && ones === count);
    if (!isSummed && !this.#isDoubtful) return this.#apart || last;
    // Behind the cost of each piece, a last one is the sum or one more piece.
    if (!this.#apart) return isSummed ? sum : undefined;
    return this.#apart >= sum ? this.#apart : undefined;
  }
}

function readCounts(value: unknown, fail: Fail): Counts {
  if (Array.isArray(value) && value.length === 0) return { input: undefined, output: undefined };
  if (!isObject(value)) throw malformed(fail, "usage", value);
  const input = count(value, INPUT, fail);
  const output = count(value, OUTPUT, fail);
  const total = count(value, TOTAL, fail);
  return {
    input: input ?? difference(total, output),
    output: output ?? difference(total, input),
  };
}

function count(usage: JsonObject, names: readonly string[], fail: Fail): number | undefined {
  const name = names.find((known) => usage[known] !== undefined && usage[known] !== null);
  if (name === undefined) return undefined;
  const value = usage[name];
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number") throw malformed(fail, `usage.${name}`, value);
  // Below 0 means "not counted".
  return number >= 0 ? Math.round(number) : undefined;
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  if (whole === undefined || part === undefined || whole < part) return undefined;
  return whole - part;
}
