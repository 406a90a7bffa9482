import { createHmac, randomBytes } from "node:crypto";

/** Names a session in logs, without telling which one it is: it may be a person's address. */
export type SessionHash = (session: string) => string;

const LENGTH = 12;

/**
 * The first 12 hex digits of HMAC-SHA256. With the same key, a session has the same name on every edge.
 *
 * @param key without one it is random, so that names hold for this process alone and nobody can compute them
 */
export function createSessionHash(key: string | Buffer = randomBytes(32)): SessionHash {
  return (session) => createHmac("sha256", key).update(session).digest("hex").slice(0, LENGTH);
}
