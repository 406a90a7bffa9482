/** Events that are no part of an answer: end markers, and signs of life in the place of comments. */

const END_MARKER = /^"?\[(?:DONE|END)\]"?$/i;
const LIFE = /^(?:"?(?:ping|pong|heart-?beat|keep-?alive)"?|null)$/i;
const LIFE_EVENT = /^(?:ping|pong|heart-?beat|keep-?alive)$/i;

/** Whether data of an event says that nothing follows, in any spelling. */
export function isEndMarker(data: string): boolean {
  return END_MARKER.test(data);
}

/** Whether an event only says that the provider is there: its name decides, unless it has an object. */
export function isSignOfLife(event: string, data: string): boolean {
  return LIFE.test(data) || (LIFE_EVENT.test(event) && !data.startsWith("{"));
}
