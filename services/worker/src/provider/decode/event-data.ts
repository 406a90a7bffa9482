import { parseObject } from "../contract/json.ts";

/** Where a chunk may begin in the middle of what should be one: glued on, or on a line of its own. */
const BEGINNING = /(?:data: ?|\n)(?=\{"id")/g;
const OWN_ID = /^\{"id": ?"([^"]*)"/;

/**
 * Finds the chunk of another stream behind a frame that broke off.
 *
 * Zhipu's gateway, when it loses its model server, begins a new answer inside the old response:
 * without an end to the frame it was writing, and under a new id.
 *
 * @returns undefined where there is none, or one of the same stream: then something was lost
 */
export function gluedChunk(data: string): Readonly<Record<string, unknown>> | undefined {
  const at = [...data.matchAll(BEGINNING)].at(-1);
  if (at === undefined) return undefined;
  const chunk = parseObject(data.slice(at.index + at[0].length));
  const brokenId = OWN_ID.exec(data)?.[1];
  return chunk?.id === brokenId ? undefined : chunk;
}
