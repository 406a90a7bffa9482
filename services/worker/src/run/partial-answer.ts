/**
 * The text of an answer that broke off, for a provider that continues it.
 *
 * Another process may have written that text, so it is read from the run's log. The log is complete and does not change:
 * the claim of this attempt has fenced every earlier one.
 */
import { mayBeLeftOut } from "@openclaw/config";
import type { PassedFields } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import { BEGINNING, type LogPage, type Position, type RunRecords } from "@openclaw/stream";
import type { ProviderClient } from "../provider/provider-client.ts";

/** Afterwards the answer begins again. Redis may be back by the time it is written. */
const READ_WITHIN_MS = 2_000;
/** In UTF-16 units. The context window and the price of the prompt make a longer text not worth it. */
const MAX_PARTIAL = 64 * 1024;

export interface PartialContext {
  readonly provider: Pick<ProviderClient, "canContinue">;
  readonly records: Pick<RunRecords, "read">;
  readonly epoch: number;
  /** No earlier attempt brought a token. */
  readonly isFirst: boolean;
}

/**
 * Reads the answer so far, if this attempt is to continue it.
 *
 * @throws the error of Redis
 */
export async function readPartial(
  {
    runId,
    messages,
    anew,
    passed,
    extra = {},
  }: Pick<RunJob, "runId" | "messages" | "anew" | "passed" | "extra">,
  { provider, records, epoch, isFirst }: PartialContext,
): Promise<PartialAnswer | undefined> {
  if (isFirst || anew || !provider.canContinue) return undefined;
  // The client sent the beginning of an answer as history. Two assistant messages in a row would count as two turns.
  if (messages.at(-1)?.role === "assistant") return undefined;
  if (isMoreThanText(passed)) return undefined;
  // Fields that shape an answer do so from its beginning on.
  if (!Object.keys(extra).every(mayBeLeftOut)) return undefined;
  const texts = await readTexts(runId, { records, epoch });
  const text = textShown(texts);
  return text.length > MAX_PARTIAL || text.trim() === "" ? undefined : new PartialAnswer(text);
}

/**
 * Whether the text alone is not enough to continue an answer. It does not hold a tool call that broke off. A server would
 * take the rest of JSON for complete JSON.
 */
function isMoreThanText({ tools, response_format: format }: PassedFields = {}): boolean {
  return tools !== undefined || (format !== undefined && format.type !== "text");
}

/**
 * The text that a user has seen after these attempts, as protocol v1 shows it. An attempt that repeated a part of the
 * earlier text showed nothing new. A different text replaced the earlier one.
 */
export function textShown(texts: readonly string[]): string {
  return texts.reduce((shown, text) => (shown.startsWith(text) ? shown : text), "");
}

/** The text of each earlier attempt, without its reasoning. */
async function readTexts(
  runId: string,
  { records, epoch }: Pick<PartialContext, "records" | "epoch">,
): Promise<string[]> {
  const texts = new Map<number, string>();
  let after: Position | undefined = BEGINNING;
  while (after) {
    const from: Position = after;
    const page: LogPage | undefined = await retryFor(
      () => records.read(runId, from),
      READ_WITHIN_MS,
    );
    for (const { position, entry } of page?.entries ?? []) {
      if (position.epoch >= epoch) return [...texts.values()];
      if (entry.type !== "text") continue;
      // A model that continues a refusal refuses too. A new answer may be better.
      if (entry.isRefusal) return [];
      texts.set(position.epoch, (texts.get(position.epoch) ?? "") + entry.text);
    }
    after = page?.complete === false ? page.entries.at(-1)?.position : undefined;
  }
  return [...texts.values()];
}

/**
 * Joins the text so far and its continuation to the text of this attempt.
 *
 * The provider gets the text without white space at its end. Chat templates trim it, and models write it as the beginning
 * of the next word. So it comes again with the continuation, and is removed there.
 */
export class PartialAnswer {
  /** The text for the provider. Never empty. */
  readonly given: string;
  readonly #text: string;
  /** White space that the user has, and the continuation may repeat. */
  #tail: string;
  #begun = false;

  constructor(text: string) {
    this.#text = text;
    this.given = text.trimEnd();
    this.#tail = text.slice(this.given.length);
  }

  get length(): number {
    return this.#text.length;
  }

  /** Takes a piece of the continuation, at its end an empty one. Returns the text to write; the first has the text so far. */
  pass(piece: string): string {
    const fresh = this.#begun ? this.#trim(piece) : this.#text + this.#trim(piece);
    this.#begun = true;
    return fresh;
  }

  #trim(piece: string): string {
    let same = 0;
    while (same < this.#tail.length && piece[same] === this.#tail[same]) same += 1;
    this.#tail = same === piece.length ? this.#tail.slice(same) : "";
    return piece.slice(same);
  }
}
