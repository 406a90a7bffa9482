import type { Directive } from "../directive.ts";
import type { Delta, Dialect, Json, Turn, Usage } from "../profiles/dialect.ts";
import { dressFrame, mapChoice, setUsage } from "./dress-frame.ts";

/** A profile's dialect for one answer, with the peculiarities that its request asks for. */
export function quirkyDialect(dialect: Dialect, fields: Directive): Dialect {
  let number = 0;
  const dress = (frame: Json) => dressFrame(frame, fields, number++);
  const dressed = (frames: readonly Json[]) => frames.map(dress);
  const { usageIn, contentType, errorCode } = fields;
  /** Of a chunk that is not the last. */
  const counted = (frame: Json, usage: Usage | undefined) =>
    usageIn === undefined ? frame : setUsage(frame, usageIn === "each" ? usage : undefined);
  return {
    ...dialect,
    ...(contentType !== undefined && { streamType: contentType, wholeType: contentType }),
    open: (turn, usage) => dressed(dialect.open(turn, usage).map((frame) => counted(frame, usage))),
    delta: (turn, delta, usage) => dress(counted(dialect.delta(turn, delta, usage), usage)),
    close(turn: Turn, finish: string, usage: Usage | undefined) {
      return dressed(closingWith(dialect.close(turn, finish, usage), usageIn, usage));
    },
    streamError: (turn) => dialect.streamError(turn, errorCode),
  };
}

function closingWith(
  frames: readonly Json[],
  usageIn: Directive["usageIn"],
  usage: Usage | undefined,
): readonly Json[] {
  if (usageIn === undefined) return frames;
  const bare = frames.filter(hasChoices).map((frame) => setUsage(frame, undefined));
  if (usage === undefined) return bare;
  const [last] = bare;
  if (usageIn === "choice") {
    return bare.map((frame) => mapChoice(frame, (choice) => setUsage(choice, usage)));
  }
  if (usageIn !== "own") return bare.map((frame) => setUsage(frame, usage));
  return [...bare, { ...setUsage(last ?? {}, usage), choices: [] }];
}

function hasChoices({ choices }: Json): boolean {
  return Array.isArray(choices) && choices.length > 0;
}

/** Reasoning of a model whose output the server does not parse: between tags, in the text. */
export function inlined(deltas: readonly Delta[]): readonly Delta[] {
  const reasoning = deltas.filter(({ kind }) => kind === "reasoning");
  if (reasoning.length === 0) return deltas;
  const rest = deltas.filter(({ kind }) => kind !== "reasoning");
  const said = (piece: string): Delta => ({ kind: "text", text: piece });
  return [
    ...["<th", "ink>"].map(said),
    ...reasoning.map((delta) => said(delta.text)),
    ...["</thi", "nk>\n\n"].map(said),
    ...rest,
  ];
}
