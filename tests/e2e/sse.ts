/** Server-sent events as a client gets them, read with nothing but `fetch`. */

export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** Gives events as they come; comments as well, where `onComment` is given. */
export async function* eventsOf(
  response: Response,
  onComment: () => void = () => undefined,
): AsyncGenerator<SentEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of response.body ?? []) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      if (lines.some((line) => line.startsWith(":"))) onComment();
      const data = lines.flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []));
      if (data.length === 0) continue;
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { id: field("id"), event: field("event"), data: data.join("\n") };
    }
  }
  // A comment is no part of an event.
  if (!/^(:.*\n)*$/.test(rest)) throw new Error("the stream ended within an event");
}
