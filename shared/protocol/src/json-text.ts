const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Editors and shells of Windows put a byte order mark before a text that they save. It is no part of the
 * text, and JSON does not allow it.
 */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** Reads JSON from outside. `undefined` where it is not JSON, which JSON itself cannot say. Never throws. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(withoutByteOrderMark(text));
  } catch {
    // The caller refuses it with `invalid_json`.
    return undefined;
  }
}
