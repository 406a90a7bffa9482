/**
 * A session id is any text of 1 to 256 bytes of UTF-8 without control characters: a name, an address, a UUID.
 * In the path of a URL it is percent-encoded.
 */
import { z } from "zod";
import { withoutByteOrderMark } from "./json-text.ts";

const MAX_BYTES = 256;
/** `Cs`: half a surrogate pair has no UTF-8, and would become another id in Redis. */
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u;
export const SESSION_RULE =
  "must be 1 to 256 bytes of UTF-8 without control characters; in a URL it is percent-encoded";

export function isSessionId(value: string): boolean {
  return value !== "" && !FORBIDDEN.test(value) && Buffer.byteLength(value) <= MAX_BYTES;
}

/** A session id as a field of a frame or of a body. */
export const sessionIdSchema = z
  .string()
  .overwrite(withoutByteOrderMark)
  .refine(isSessionId, SESSION_RULE)
  .meta({ minLength: 1, maxLength: MAX_BYTES });

/** A session id as it stands in a path: `undefined` where it is not one, empty where there is none. */
export function sessionOfPath(encoded: string): string | undefined {
  if (encoded === "") return "";
  try {
    const session = withoutByteOrderMark(decodeURIComponent(encoded));
    return isSessionId(session) ? session : undefined;
  } catch {
    // No valid percent-encoding, or not of UTF-8.
    return undefined;
  }
}
