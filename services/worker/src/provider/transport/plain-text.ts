/**
 * Whether a body is text though its header says that it is encoded: some servers name a character set there, or
 * nothing, and some proxies undo an encoding and leave its name.
 */

/** So many bytes of what is compressed are hardly ever all printable. */
const ENOUGH_BYTES = 8;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** An event stream, JSON or a page of a proxy. */
const BEGINNING = /^\s*(?:(?:data|event|id|retry)?:|[{[]\s*(?:["{[\]}]|$)|"|<[!?a-z])/i;
/** Says enough by itself: text of any language may follow. */
const FIELD = /^\s*(?:data|event|retry):/;
/** What may still become one. */
const HALF = /^\s*(?:<|d|da|dat|data|e|ev|eve|even|event|i|id|r|re|ret|retr|retry)?$/;
const PRINTABLE = /^[\t\n\r\x20-\x7e]*$/;

/** @param bytes the first ones of a body; `more` where they are too few to tell */
export function isPlainText(bytes: Buffer): boolean | "more" {
  const marked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const from = marked ? BYTE_ORDER_MARK.length : 0;
  const text = bytes.subarray(from, from + ENOUGH_BYTES).toString("latin1");
  if (!marked && BYTE_ORDER_MARK.subarray(0, bytes.length).equals(bytes)) return "more";
  if (FIELD.test(text)) return true;
  if (!PRINTABLE.test(text) || !(BEGINNING.test(text) || HALF.test(text))) return false;
  return text.length === ENOUGH_BYTES ? BEGINNING.test(text) : "more";
}
