/** How much there is to a request, whatever it is made of. */

/** Of an object, a list, a number or a field's name, beside what it holds: in memory it takes about so much. */
const PER_NODE_BYTES = 32;

/** Before these there is a backslash in JSON, and nothing else: `"`, `\`, and what has a letter of its own. */
const ESCAPED_SHORT: ReadonlySet<number> = new Set([0x22, 0x5c, 0x08, 0x09, 0x0a, 0x0c, 0x0d]);
/** `\u0001` is one byte in UTF-8. */
const MORE_FOR_CONTROL = 5;
/** `\ud800` takes three bytes where it has no other half. */
const MORE_FOR_HALF = 3;

/**
 * The bytes that all texts in `value` have as JSON, which is how Redis keeps them, and a little for each of its parts:
 * about what its JSON has, and half to all of what the value takes in memory. `value` comes from JSON, so it has no cycles.
 */
export function promptBytes(value: unknown): number {
  let bytes = 0;
  // Not by recursion: what a client sent may be as deep as it likes.
  const left: unknown[] = [value];
  while (left.length > 0) {
    const part = left.pop();
    if (part === undefined) continue;
    bytes += PER_NODE_BYTES;
    if (typeof part === "string") bytes += textBytes(part);
    else if (Array.isArray(part)) for (const item of part) left.push(item);
    else if (typeof part === "object" && part !== null) {
      for (const [name, field] of Object.entries(part)) {
        bytes += textBytes(name);
        left.push(field);
      }
    }
  }
  return bytes;
}

/** Without its quotes. Counted, not made: a prompt may have a megabyte. */
function textBytes(text: string): number {
  let bytes = Buffer.byteLength(text);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x22 || code === 0x5c) {
      bytes += ESCAPED_SHORT.has(code) ? 1 : MORE_FOR_CONTROL;
    } else if (code >= 0xd800 && code <= 0xdfff) {
      // Of a whole character both halves are read at once.
      if ((text.codePointAt(at) ?? 0) > 0xffff) at += 1;
      else bytes += MORE_FOR_HALF;
    }
  }
  return bytes;
}
