/** Finds the prose of a file: the texts of Markdown, and of comments and sentences in TypeScript, JavaScript and Lua. */
import { type Comment, readScript } from "./script.ts";

/** Where a text stands decides what may begin it: a heading or a summary may be a noun phrase. */
export type Role = "heading" | "cell" | "item" | "paragraph" | "summary" | "remark";

export interface Block {
  readonly line: number;
  readonly role: Role;
  readonly text: string;
}

/** Stands for a character of markup: no letter, and no space that would end a word. */
const MASK = "\u200b";

/**
 * A code span, an address and a link's target are one word. The text keeps its length, so that positions in it are
 * those of the original.
 */
export function withoutMarkup(text: string): string {
  const masked = (match: string) => MASK.repeat(match.length);
  const oneWord = (match: string) => `C${masked(match.slice(2))}C`;
  return text
    .replace(/<!--[\s\S]*?-->/g, masked)
    .replace(/(`+)[^`](?:.|\n(?!\n))*?\1/g, oneWord)
    .replace(/\{@link [^}]*\}/g, oneWord)
    .replace(/\]\([^)\s]*(?: "[^"]*")?\)/g, masked)
    .replace(/\bhttps?:\/\/[^\s)>]+/g, oneWord)
    .replace(/[[\]*]/g, masked);
}

/** Of each line, whether it belongs to a fenced block. */
export function codeLines(lines: readonly string[]): boolean[] {
  let fence: string | undefined;
  return lines.map((line) => {
    const mark = /^\s*(?:>\s*)?(```+|~~~+)/.exec(line)?.[1];
    if (fence === undefined) {
      fence = mark;
      return mark !== undefined;
    }
    if (mark?.startsWith(fence)) fence = undefined;
    return true;
  });
}

export function markdownBlocks(text: string): Block[] {
  const lines = text.split("\n");
  const inCode = codeLines(lines);
  const blocks: Block[] = [];
  let open: { line: number; role: Role; lines: string[] } | undefined;
  const close = () => {
    if (open) blocks.push({ line: open.line, role: open.role, text: open.lines.join("\n") });
    open = undefined;
  };
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/^\s*>\s?/, "");
    const number = index + 1;
    if (inCode[index] || /^\s*(?:<!--.*-->|---+|<\/?\w[^>]*>)?\s*$/.test(line)) {
      close();
      continue;
    }
    if (/^\s*\|/.test(line)) {
      close();
      const cells = line
        .replace(/`[^`]*`/g, (span) => span.replaceAll("|", "/"))
        .split(/(?<!\\)\|/);
      blocks.push(...cells.map((cell) => ({ line: number, role: "cell" as const, text: cell })));
      continue;
    }
    const heading = /^#{1,6} (.*)/.exec(line)?.[1];
    if (heading !== undefined) {
      close();
      blocks.push({ line: number, role: "heading", text: heading });
      continue;
    }
    const item = /^\s*(?:[-*+]|\d+[.)]) (?:\[[ x]\] )?(.*)/.exec(line)?.[1];
    if (item !== undefined) {
      close();
      open = { line: number, role: "item", lines: [item] };
      continue;
    }
    open ??= { line: number, role: "paragraph", lines: [] };
    open.lines.push(line);
  }
  close();
  return blocks;
}

/** Comments on following lines that begin at one column are one text. */
export function commentBlocks(path: string, text: string): Block[] {
  const comments = path.endsWith(".lua") ? luaComments(text) : readScript(text).comments;
  const joined: Comment[] = [];
  for (const comment of comments) {
    const last = joined.at(-1);
    const follows =
      last?.role === "remark" &&
      comment.role === "remark" &&
      last.column === comment.column &&
      last.line + last.text.split("\n").length === comment.line;
    if (follows) joined.splice(-1, 1, { ...last, text: `${last.text}\n${comment.text}` });
    else joined.push(comment);
  }
  return joined
    .filter(({ text: body }) => !/^\s*(?:biome-ignore|@ts-|#!|\/? *<reference)/.test(body))
    .flatMap(({ line, role, text: body }) =>
      // A tag begins a text of its own, and its name and the parameter's are no words of it.
      markdownBlocks(
        body
          .replace(/^([ \t]*)@(?:param|property|template)\s+\S+/gm, "$1- ")
          .replace(/^([ \t]*)@(\w+)/gm, "$1- "),
      ).map((block) => ({
        line: line + block.line - 1,
        role: block.role === "paragraph" ? role : block.role,
        text: block.text,
      })),
    );
}

/** Tests, and the words that the simulated providers answer with. */
const NOT_OURS = /\.test\.ts$|\/testing\/|^services\/simulator\/src\/text\//;

/** Log phrases, errors and descriptions: strings of several words, in code that ships. */
export function sentenceBlocks(path: string, text: string): Block[] {
  if (!/^(?:services|shared)\/.*\/src\//.test(path) || NOT_OURS.test(path)) return [];
  return readScript(text)
    .strings.filter(({ text: body }) => body.split(" ").length >= 4)
    .filter(({ text: body }) => !/\n|\\[nbdsw]|[{}<>=]{2}/.test(body))
    .map(({ line, text: body }) => ({ line, role: "summary" as const, text: body }));
}

/** A key, an argument, a field or an outcome, and then its meaning, which is a text of its own. */
const LUA_ENTRY = /^[ \t]*(?:(?:KEYS|ARGV)\[\d+\] +|'?\w+'? {2,})(?=\S)/;

function luaComments(text: string): Comment[] {
  return text.split("\n").flatMap((line, index) => {
    const match = /^((?:[^"'-]|-(?!-)|"[^"]*"|'[^']*')*)--(?!\[\[)(.*)/.exec(line);
    if (!match) return [];
    return [
      {
        line: index + 1,
        column: match[1]?.length ?? 0,
        role: "remark" as const,
        text: (match[2] ?? "").replace(LUA_ENTRY, "- "),
      },
    ];
  });
}
