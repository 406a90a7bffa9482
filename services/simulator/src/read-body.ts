import type { IncomingMessage } from "node:http";

/** What a provider's gateway takes, roughly; and no more may pile up here. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** `undefined` when the client left before its request was complete. */
export async function readBody(
  request: IncomingMessage,
): Promise<{ readonly text: string } | "too large" | undefined> {
  const incoming: AsyncIterable<Buffer> = request;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming) {
      bytes += chunk.length;
      // Read to the end all the same: the client looks for an answer only once it has sent all.
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    // The only error of an incoming request is that its client is gone; the outcome counts it.
    return undefined;
  }
  return bytes <= MAX_BODY_BYTES ? { text: Buffer.concat(chunks).toString() } : "too large";
}
