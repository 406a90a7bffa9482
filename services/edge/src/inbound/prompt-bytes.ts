/** How much there is to a request, whatever it is made of. */

/** Of an object, a list, a number or a field's name, beside what it holds: in memory it takes about so much. */
const PER_NODE_BYTES = 32;

/**
 * The UTF-8 bytes of all texts in `value` and a little for each of its parts: about what its JSON has, and half to all
 * of what the value takes in memory. `value` comes from JSON, so it has no cycles.
 */
export function promptBytes(value: unknown): number {
  let bytes = 0;
  // Not by recursion: what a client sent may be as deep as it likes.
  const left: unknown[] = [value];
  while (left.length > 0) {
    const part = left.pop();
    if (part === undefined) continue;
    bytes += PER_NODE_BYTES;
    if (typeof part === "string") bytes += Buffer.byteLength(part);
    else if (Array.isArray(part)) for (const item of part) left.push(item);
    else if (typeof part === "object" && part !== null) {
      for (const [name, field] of Object.entries(part)) {
        bytes += name.length;
        left.push(field);
      }
    }
  }
  return bytes;
}
