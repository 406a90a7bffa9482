/**
 * The mechanical part of the language rules: sentences and lines that are too long, and phrases that a reader has to
 * decode. It may miss some, and should blame none that are right.
 */
import {
  type Block,
  codeLines,
  commentBlocks,
  markdownBlocks,
  type Role,
  sentenceBlocks,
  withoutMarkup,
} from "./prose.ts";

export const MOST_WORDS = 25;
export const MOST_COLUMNS = 110;

const TWO_NEGATIVES = "say it without two negatives";

/** Phrases that must not occur in a sentence, and the better wording. */
export const PHRASES: readonly (readonly [phrase: RegExp, better: string])[] = [
  [/\bwho(?:m|se)?(?:so)?ever\b/i, "name it: the client, the worker, the run"],
  [/\b(?:any|every|no|some)body\b/i, "name it: no client, every worker"],
  [/\b(?:those|he|all|one|anyone|everyone) who\b/i, "name it: clients that, users that"],
  [/\b(?:for|to) who\b/i, "name it: for a caller that, to clients that"],
  [/(?<!\b(?:so|in) )\bthat one\b(?= (?:is|was|has|does|will|can|may)\b|[^\w\s]|$)/i, "name it"],
  [/(?<!\b(?:than|least|most) )\bone that\b/i, "name it: a run that, a key that"],
  [/(?<!\bthere )\b(?:is|are|was|were) none\b/i, "is missing, is malformed, is not a ..."],
  [/\bnothing of (?:it|them|that|this|its|their)\b/i, "no part of, not ... at all"],
  [/\bas good as (?:nothing|none)\b/i, "means not set, is treated as missing"],
  [/\bno (?:more|less|fewer|later) than one\b/i, "at most one, at least one"],
  [/\banew\b/i, "again"],
  [/\bbe (?:it|they)\b(?! (?:is|are)\b)/i, "whether ... or ..."],
  [/\bwhat(?:ever)? becomes? of\b/i, "even if ..., how ... ends"],
  [
    /\b(?:and|nor|neither|as|so) (?:do|does|did) (?:those|that|this|the|a|an|every|any)\b/i,
    "subject first, then the verb",
  ],
  [
    /\b(?:hitherto|whence|thence|lest|therein|thereof|whereof|wherein|forthwith)\b/i,
    "a word of today",
  ],
  [
    /\b(?:nothing|none|nobody|never|neither)\b(?: (?!(?:and|or|if|when|where|while|but)\b)[\w'-]+){0,5} (?:not|nothing|none|nobody|never|without|unless)\b/i,
    TWO_NEGATIVES,
  ],
  [
    /\b(?:not|cannot|\w+n't)\b(?: (?!(?:and|or|if|when|where|while|but)\b)[\w'-]+){0,3} (?:nothing|nobody|none|never|without|neither)\b/i,
    TWO_NEGATIVES,
  ],
  [
    /\bno \w+ (?:is|are|that is|that are|was|were) (?:not|never|without|none)\b/i,
    "every ... is ...",
  ],
  [/\bwithout (?:not|no|none|nothing)\b/i, TWO_NEGATIVES],
];

const FINITE =
  /\b(?:is|are|was|were|has|have|had|can|cannot|may|must|will|does|do|did|should|would)\b/gi;

export interface Finding {
  readonly line: number;
  readonly reason: string;
}

/** @param path decides how the text is read: .md, .lua, or as TypeScript */
export function checkLanguage(path: string, text: string): Finding[] {
  const isPage = path.endsWith(".md");
  const blocks = isPage
    ? markdownBlocks(text)
    : [...commentBlocks(path, text), ...sentenceBlocks(path, text)];
  const found = blocks.flatMap(checkBlock);
  return (isPage ? [...found, ...longLines(text)] : found).toSorted((a, b) => a.line - b.line);
}

function checkBlock({ line, role, text }: Block): Finding[] {
  return sentencesOf(text).flatMap(({ plain, original, newlines }, index) =>
    checkSentence(plain, original, role, index).map((reason) => ({
      line: line + newlines,
      reason,
    })),
  );
}

function checkSentence(plain: string, original: string, role: Role, index: number): string[] {
  const reasons: string[] = [];
  const words = plain.split(" ").filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
  if (words > MOST_WORDS) reasons.push(`${words} words: ${original.slice(0, 60)}...`);
  for (const [phrase, better] of PHRASES) {
    const match = phrase.exec(plain);
    if (match) reasons.push(`"${match[0]}": ${better}`);
  }
  if (isVagueSubject(plain, role, index)) {
    reasons.push(`"${original.slice(0, 30)}...": begin with a thing of the system`);
  }
  return reasons;
}

/** `Who` and `What` may ask, name a heading or sum up what a comment describes. They are not to begin a statement. */
function isVagueSubject(sentence: string, role: Role, index: number): boolean {
  if (sentence.endsWith("?") || role === "heading" || role === "cell") return false;
  if (/^Who\b/.test(sentence)) return true;
  if (!/^What\b/.test(sentence)) return false;
  if (role === "paragraph" || index > 0) return true;
  const clause = sentence.split(/[,;:]/)[0] ?? "";
  return (clause.match(FINITE)?.length ?? 0) >= 2;
}

interface Sentence {
  /** Markup and code are masked; one space between words. */
  readonly plain: string;
  readonly original: string;
  /** Of the block, in front of the sentence. */
  readonly newlines: number;
}

/** A full stop ends a sentence unless a lower-case letter follows, so that `e.g. this` is not cut. */
function sentencesOf(text: string): Sentence[] {
  const masked = withoutMarkup(text);
  const end = /[.!?][\u200b"')\]”_]*(?:\s+(?=[^\p{Ll}])|$)|[。！？]/gu;
  const ends = [...masked.matchAll(end)].map(({ index, 0: match }) => index + match.length);
  const starts = [0, ...ends];
  return starts
    .map((from, index) => ({ from, to: ends[index] ?? text.length }))
    .filter(({ from, to }) => masked.slice(from, to).trim() !== "")
    .map(({ from, to }) => {
      const begin = from + masked.slice(from, to).search(/\S/);
      return {
        plain: masked.slice(from, to).replace(/\s+/g, " ").trim(),
        original: text.slice(from, to).replace(/\s+/g, " ").trim(),
        newlines: text.slice(0, begin).split("\n").length - 1,
      };
    });
}

/** Tables and code may be wider, and an address cannot be wrapped. */
function longLines(text: string): Finding[] {
  const lines = text.split("\n");
  const inCode = codeLines(lines);
  return lines.flatMap((line, index) => {
    if (inCode[index] || /^\s*\|/.test(line) || /^\s*<!--.*-->$/.test(line)) return [];
    const columns = columnsOf(line.replace(/\]\([^)\s]*\)/g, "]()").replace(/https?:\/\/\S+/g, ""));
    return columns > MOST_COLUMNS ? [{ line: index + 1, reason: `${columns} columns` }] : [];
  });
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g;

/** A Chinese character takes two columns. */
function columnsOf(line: string): number {
  return line.length + (line.match(WIDE)?.length ?? 0);
}
