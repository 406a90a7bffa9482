/**
 * Seeded randomness: the same request gets the same answer at the same pace in every run. So a test knows each byte,
 * and a benchmark can be repeated.
 */

/** Numbers in [0, 1). */
export type Random = () => number;

/** FNV-1a over UTF-16 code units: a 32-bit seed from any text. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** mulberry32: small, fast, and good enough to choose words. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}

/** Replaces each `{slot}` of a template by one of the slot's words. */
export function fill(
  template: string,
  words: Readonly<Record<string, readonly string[]>>,
  random: Random,
): string {
  return template.replace(/\{(\w+)\}/g, (_, slot: string) => pick(words[slot] ?? [], random));
}
