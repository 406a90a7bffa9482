/** The fault of a text that should have been another. */
export type Difference = "lost" | "repeated" | "reordered" | "spliced" | "wrong text";

/** Names the difference between what a user got and what was said; `undefined` where there is none. */
export function differenceOf(got: string, said: string): Difference | undefined {
  if (got === said) return undefined;
  const head = commonLength(got, said);
  const tail = commonLength(reversed(got.slice(head)), reversed(said.slice(head)));
  const extra = got.slice(head, got.length - tail);
  if (extra === "") return "lost";
  if (head + tail === said.length) return said.includes(extra) ? "repeated" : "spliced";
  if (sorted(got) === sorted(said)) return "reordered";
  return head > 0 ? "spliced" : "wrong text";
}

function commonLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length += 1;
  return length;
}

function reversed(text: string): string {
  return text.split("").reverse().join("");
}

function sorted(text: string): string {
  return text.split("").sort().join("");
}
