/** What the data of an event is, besides a chunk: an end marker, a keep-alive, or a frame that broke off. */
import { type JsonObject, parseObject } from "../contract/json.ts";

const END_MARKER = /^"?\[(?:DONE|END)\]"?$/i;
const KEEP_ALIVE = /^(?:"?(?:ping|pong|heart-?beat|keep-?alive)"?|null)$/i;
const KEEP_ALIVE_EVENT = /^(?:ping|pong|heart-?beat|keep-?alive)$/i;
/** Where a chunk may begin inside another one: glued to it, or on a line of its own. */
const BEGINNING = /(?:data: ?|\n)(?=\{"id")/g;
const OWN_ID = /^\{"id": ?"([^"]*)"/;

/** Whether the data says that the answer is over, in any spelling. */
export function isEndMarker(data: string): boolean {
  return END_MARKER.test(data);
}

/** Whether an event is a keep-alive. Its name says so, unless the event carries an object. */
export function isKeepAlive(event: string, data: string): boolean {
  return KEEP_ALIVE.test(data) || (KEEP_ALIVE_EVENT.test(event) && !data.startsWith("{"));
}

/**
 * Finds the chunk of another stream behind a frame that broke off.
 *
 * When Zhipu's gateway loses its model server, it starts a new answer inside the old response. It does not end
 * the frame that it was writing, and the new chunks have a new id.
 *
 * @returns undefined without such a chunk. A chunk of the same stream does not count: then something was lost
 */
export function gluedChunk(data: string): JsonObject | undefined {
  const at = [...data.matchAll(BEGINNING)].at(-1);
  if (at === undefined) return undefined;
  const chunk = parseObject(data.slice(at.index + at[0].length));
  const brokenId = OWN_ID.exec(data)?.[1];
  return chunk?.id === brokenId ? undefined : chunk;
}
