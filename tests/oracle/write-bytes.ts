/** Writes events as the bytes of a body: framed, compressed, and cut anywhere. */
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { cutsOf, type Plan } from "./plan.ts";
import { completionOf, writeEvents } from "./write-answer.ts";

export interface Body {
  /** Before it was compressed. */
  readonly plain: Uint8Array;
  readonly pieces: readonly Uint8Array[];
  /** The `content-encoding`, or "". */
  readonly encoding: string;
  /** The connection breaks behind the last piece. */
  readonly breaks: boolean;
}

const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

const COMPRESSORS = {
  "": (bytes: Uint8Array) => bytes,
  gzip: (bytes: Uint8Array) => gzipSync(bytes, { level: 1 }),
  deflate: (bytes: Uint8Array) => deflateSync(bytes, { level: 1 }),
  "raw deflate": (bytes: Uint8Array) => deflateRawSync(bytes, { level: 1 }),
  br: (bytes: Uint8Array) => brotliCompressSync(bytes, BROTLI),
} as const;

export function writeBody(plan: Plan): Body {
  const plain = Buffer.from(
    plan.body === "json" ? JSON.stringify(completionOf(plan)) : stream(plan),
  );
  const bytes = COMPRESSORS[plan.encoding](plain);
  return {
    plain,
    pieces: cutsOf(bytes.length, plan.cuts.bytes).map(([from, to]) => bytes.subarray(from, to)),
    encoding: plan.encoding === "raw deflate" ? "deflate" : plan.encoding,
    breaks: plan.ending === "broken",
  };
}

function stream(plan: Plan): string {
  if (plan.fault === "html") return "<html><body>Bad gateway</body></html>";
  const { end, bom, lastOpen } = plan.lines;
  const frames = writeEvents(plan).map((value) => frame(plan, value));
  if (plan.fault === "half event") frames.push(`data: {"choices":[{"delta":{"con`);
  else if (plan.ending === "done") frames.push(`data: [DONE]${end}${end}`);
  else if (plan.ending === "quoted done") frames.push(`data: "[DONE]"${end}${end}`);
  else if (plan.ending === "junk")
    frames.push(`data: [DONE]${end}${end}data: {"error":"x"}${end}${end}no field${end}`);
  const body = `${bom ? "\ufeff" : ""}${frames.join("")}`;
  return lastOpen && plan.fault !== "half event" ? body.slice(0, -2 * end.length) : body;
}

function frame({ lines: { end, space, comment, spread } }: Plan, value: unknown): string {
  const json = spread ? JSON.stringify(value, undefined, 1) : JSON.stringify(value);
  const data = json.split("\n").map((line) => `data:${space ? " " : ""}${line}${end}`);
  return `${comment === "" ? "" : `${comment}${end}`}${data.join("")}${end}`;
}
