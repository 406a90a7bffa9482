import { type Directive, readDirective } from "./directive.ts";
import { generateText } from "./text/generate-text.ts";
import { hasCjk, piecesFor } from "./text/pieces.ts";
import { seedOf } from "./text/random.ts";

export interface Prompt {
  /** The last user message. */
  readonly prompt: string;
  /** The name in the path, such as `zhipu`. */
  readonly profile?: string | undefined;
}

/**
 * The whole text the simulator answers to a prompt, faults aside.
 *
 * It depends on the profile too: no two providers give the same text. So a test can tell an answer that is spliced
 * from two attempts from a whole one. A directive with a `seed` gets the same text everywhere.
 *
 * @throws RangeError for a malformed directive, which the simulator answers with 400
 */
export function answerFor({ prompt, profile }: Prompt): string {
  const read = readDirective(prompt);
  if (!read.ok) throw new RangeError(read.problem);
  return answerPieces({ prompt, profile }, read.directive).join("");
}

/** The same answer as the deltas it is streamed in. */
export function answerPieces(
  { prompt, profile = "openai" }: Prompt,
  directive: Directive,
): readonly string[] {
  if (directive.pieces !== undefined) return directive.pieces;
  if (directive.text !== undefined) return piecesFor(directive.text);
  const seed = directive.seed === undefined ? `${profile}:${prompt}` : `seed:${directive.seed}`;
  const text = generateText({
    language: directive.language ?? (hasCjk(prompt) ? "zh" : "en"),
    seed: seedOf(seed),
    words: directive.words,
  });
  return piecesFor(text);
}
