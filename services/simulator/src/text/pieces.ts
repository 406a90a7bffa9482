/**
 * Cuts a text into pieces about the size of a model's tokens. A piece is an English word with the space before it,
 * one or two Chinese characters, or a Chinese punctuation mark. Joined, they are the text again.
 */
const IDEOGRAPH = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}";
/** General, CJK and fullwidth punctuation, as Chinese text uses it: “ ” 、 。 ， ： ？ */
const MARK = "\\u2010-\\u2027\\u3001-\\u303f\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff65";

const PIECE = new RegExp(
  `\\s*(?:[${IDEOGRAPH}]{1,2}|[${MARK}]|[^\\s${IDEOGRAPH}${MARK}]+)|\\s+`,
  "gu",
);
const CJK = new RegExp(`[${IDEOGRAPH}]`, "u");
const ONLY_MARK = new RegExp(`^[${MARK}]$`, "u");

export function piecesFor(text: string): string[] {
  return text.match(PIECE) ?? [];
}

export function hasCjk(text: string): boolean {
  return CJK.test(text);
}

/** Whether a piece is nothing but one Chinese punctuation mark. */
export function isMark(piece: string): boolean {
  return ONLY_MARK.test(piece);
}
