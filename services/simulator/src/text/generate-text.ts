import { chineseSentence } from "./chinese.ts";
import { englishSentence } from "./english.ts";
import { isMark, piecesFor } from "./pieces.ts";
import { createRandom, type Random } from "./random.ts";

export type Language = "en" | "zh";

export interface TextOptions {
  readonly language: Language;
  readonly seed: number;
  /** Exactly this many pieces; by default whole sentences, 40 to 80 pieces altogether. */
  readonly words?: number | undefined;
}

const SHORTEST = 40;
/** Leaves room for the last sentence to end below 80 pieces. */
const SPREAD = 16;
const SENTENCES_PER_PARAGRAPH = 4;

/** Sentences that read like an answer; the same options always give the same text. */
export function generateText({ language, seed, words }: TextOptions): string {
  const random = createRandom(seed);
  const target = words ?? SHORTEST + Math.floor(random() * SPREAD);
  const text = sentences(language, target, random);
  return words === undefined ? text : cutTo(words, text, language);
}

function sentences(language: Language, target: number, random: Random): string {
  const sentence = language === "zh" ? chineseSentence : englishSentence;
  const space = language === "zh" ? "" : " ";
  const parts: string[] = [];
  let count = 0;
  for (let number = 0; count < target; number += 1) {
    const startsParagraph = number > 0 && number % SENTENCES_PER_PARAGRAPH === 0;
    const before = startsParagraph ? "\n\n" : number > 0 ? space : "";
    const next = before + sentence(random);
    count += piecesFor(next).length;
    parts.push(next);
  }
  return parts.join("");
}

/** A sentence cut short still gets its full stop, where that does not change the count. */
function cutTo(count: number, text: string, language: Language): string {
  const pieces = piecesFor(text).slice(0, count);
  if (language === "en") return pieces.join("").replace(/[,;.:]?$/, pieces.length > 0 ? "." : "");
  const beforeLast = pieces.at(-2);
  if (beforeLast === undefined || isMark(beforeLast)) return pieces.join("");
  return `${pieces.slice(0, -1).join("")}。`;
}
