/**
 * JSON with `//` and block comments, and with a comma behind the last item, so that a configuration can explain
 * itself.
 */
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { ConfigError } from "./problem.ts";

/** The parser's codes in the words of the file's author; any other code is merely unexpected. */
const MEANINGS: Readonly<Record<string, string>> = {
  InvalidSymbol: "this is no JSON value (text stands in double quotes)",
  InvalidNumberFormat: "this is no number",
  PropertyNameExpected: "the name of a field is missing, in double quotes",
  ValueExpected: "a value is missing",
  ColonExpected: "a colon is missing",
  CommaExpected: "a comma is missing",
  CloseBraceExpected: "a closing } is missing",
  CloseBracketExpected: "a closing ] is missing",
  EndOfFileExpected: "something follows the end",
  UnexpectedEndOfComment: "a comment has no end",
  UnexpectedEndOfString: "a text has no closing quote",
  InvalidEscapeCharacter: "a backslash is followed by something it cannot escape",
};

/**
 * Parses JSON with comments.
 *
 * @param source how the text is named in errors, usually the file's path
 * @throws ConfigError with the line and column of each problem. Never with the text itself, of which
 *   a key may be part
 */
export function parseJson(text: string, source: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0) throw new ConfigError(source, problemsOf(errors, text));
  return value;
}

/** One problem a line: what the parser says next of the same line follows from the first. */
function problemsOf(errors: readonly ParseError[], text: string): string[] {
  const byLine = new Map<number, string>();
  for (const { error, offset } of errors) {
    const before = text.slice(0, offset).split(/\r\n|\r|\n/);
    const line = before.length;
    const column = (before.at(-1) ?? "").length + 1;
    const meaning = MEANINGS[printParseErrorCode(error)] ?? "this is unexpected";
    if (byLine.has(line)) continue;
    byLine.set(line, `the file is not JSON at line ${line}, column ${column}: ${meaning}`);
  }
  return [...byLine.values()];
}
