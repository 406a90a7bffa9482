/** Frames that no client should take for a piece of an answer. */
import type { SpoilKind } from "../plan.ts";
import { encodeEvent, type Framing } from "../sse.ts";

/** Above the line limit of any careful client; the longest real frames are below a kilobyte. */
const HUGE_CHARS = 4 * 1024 * 1024;

/** The frame in the place of a delta. */
export function spoiled(kind: SpoilKind, framing: Framing): string {
  switch (kind) {
    case "garbage":
      return "\u0000\u0007 upstream connect error \u001b or reset\n\n";
    case "badJson":
      return encodeEvent(
        { data: '{"id":"1","choices":[{"index":0,"delta":{"content":"los' },
        { ...framing, manyLines: false },
      );
    case "huge":
      return encodeEvent({ data: JSON.stringify(hugeChunk()) }, framing);
  }
}

/** Valid in every way but its length. */
function hugeChunk(): object {
  return { id: "1", choices: [{ index: 0, delta: { content: "x".repeat(HUGE_CHARS) } }] };
}
