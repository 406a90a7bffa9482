/** A small reader of TypeScript, which tells comments and strings from code. */

export interface Comment {
  readonly line: number;
  readonly column: number;
  /** A block comment, or a line of its own. */
  readonly role: "summary" | "remark";
  readonly text: string;
}

export interface Script {
  readonly comments: readonly Comment[];
  /** Of a template, each part between its expressions. */
  readonly strings: readonly { readonly line: number; readonly text: string }[];
}

const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<=[=(,:[!&|?{};\n>]\s*|return\s|^)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|[`{}]/g;

export function readScript(text: string): Script {
  const comments: Comment[] = [];
  const strings: { line: number; text: string }[] = [];
  /** Braces that are open, and of these the ones that end in a template. */
  const open: ("brace" | "template")[] = [];
  const token = new RegExp(TOKEN);
  const readTemplate = () => {
    const from = token.lastIndex;
    const { end, goesOn } = templatePart(text, from);
    strings.push({ line: lineOf(text, from), text: text.slice(from, end - (goesOn ? 2 : 1)) });
    if (goesOn) open.push("template");
    token.lastIndex = end;
  };
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found] = match;
    if (found === "`") readTemplate();
    else if (found === "{") open.push("brace");
    else if (found === "}") {
      if (open.pop() === "template") readTemplate();
    } else if (/^\/[/*]/.test(found)) comments.push(commentOf(text, match.index, found));
    else if (/^["']/.test(found)) {
      strings.push({ line: lineOf(text, match.index), text: found.slice(1, -1) });
    }
  }
  return { comments, strings };
}

/** A part of a template ends behind its last quote, or behind the next `${`, with which it goes on. */
function templatePart(text: string, from: number): { end: number; goesOn: boolean } {
  const stop = /\\[\s\S]|\$\{|`/g;
  stop.lastIndex = from;
  let match = stop.exec(text);
  while (match?.[0].startsWith("\\")) match = stop.exec(text);
  return { end: match ? stop.lastIndex : text.length, goesOn: match?.[0] === "${" };
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function commentOf(text: string, index: number, found: string): Comment {
  const line = lineOf(text, index);
  const column = index - text.lastIndexOf("\n", index - 1) - 1;
  if (found.startsWith("//")) return { line, column, role: "remark", text: found.slice(2) };
  const body = found
    .replace(/^\/\*+/, "")
    .replace(/\*+\/$/, "")
    .replace(/^[ \t]*\* ?/gm, "");
  return { line, column, role: "summary", text: body };
}
