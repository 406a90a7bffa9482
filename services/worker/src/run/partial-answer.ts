/**
 * What the user already has of an answer that broke off, for a provider that continues it.
 *
 * The attempt that broke off may have been another process's, so it is read from the run's log. That
 * is whole and still: the claim of this attempt has fenced every earlier one.
 */
import { mayBeLeftOut } from "@openclaw/config";
import type { PassedFields } from "@openclaw/protocol";
import type { RunJob } from "@openclaw/queue";
import { retryFor } from "@openclaw/runtime";
import { BEGINNING, type LogPage, type Position, type RunRecords } from "@openclaw/stream";
import type { ProviderClient } from "../provider/provider-client.ts";

/** Afterwards the answer begins anew: Redis may be well again by the time it is written. */
const READ_WITHIN_MS = 2_000;
/** In UTF-16 units. Beyond it the context window and the price of the prompt count for more. */
const MAX_PARTIAL = 64 * 1024;

export interface PartialContext {
  readonly provider: Pick<ProviderClient, "canContinue">;
  readonly records: Pick<RunRecords, "read">;
  readonly epoch: number;
  /** Whether no attempt has said something before. */
  readonly isFirst: boolean;
}

/**
 * The answer so far, where this attempt is to continue it.
 *
 * @throws what Redis throws
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
  // The client's own beginning of an answer, sent as history: two in a row would be taken for two turns.
  if (messages.at(-1)?.role === "assistant") return undefined;
  if (isMoreThanText(passed)) return undefined;
  // What shapes an answer, shapes it from its beginning on.
  if (!Object.keys(extra).every(mayBeLeftOut)) return undefined;
  const texts = await readTexts(runId, { records, epoch });
  const text = textShown(texts);
  return text.length > MAX_PARTIAL || text.trim() === "" ? undefined : new PartialAnswer(text);
}

/**
 * Whether an answer may be more than its text: a call that broke off is not in it, and of what is to be
 * JSON a server would take the rest for a whole.
 */
function isMoreThanText({ tools, response_format: format }: PassedFields = {}): boolean {
  return tools !== undefined || (format !== undefined && format.type !== "text");
}

/**
 * What a user has been shown after these attempts: the curtain of protocol v1 in hindsight. An attempt
 * that stayed behind the one before it showed nothing new; one that differed took its place.
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
      // A model that is to go on with a refusal would go on refusing; another one may answer.
      if (entry.isRefusal) return [];
      texts.set(position.epoch, (texts.get(position.epoch) ?? "") + entry.text);
    }
    after = page?.complete === false ? page.entries.at(-1)?.position : undefined;
  }
  return [...texts.values()];
}

/**
 * Joins the text so far and what the provider says next into this attempt's own text.
 *
 * White space at the end is not given to the provider: chat templates trim it, and models write it as
 * the beginning of the next word. So it comes again with the continuation, and is taken off there.
 */
export class PartialAnswer {
  /** What the provider is to continue. Never empty. */
  readonly given: string;
  readonly #text: string;
  /** White space the user has, which the continuation may begin with. */
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

  /** Takes a piece of the continuation, empty at its end; gives what is to be written, with the text so far first. */
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
