import type { Directive } from "./directive.ts";
import type { Dialect, Refusal, RefusalCause } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";
import type { Outcome } from "./stats.ts";

/** The refusal a directive's `status` asks for: its own body, or what the provider really sends. */
export function directedRefusal(
  { status = 500, body, contentType, headers, retryAfterS, errorCode: code }: Directive,
  dialect: Dialect,
  requestId: string,
): Refusal {
  const real = dialect.refusal({ status, requestId, code });
  const type = contentType ?? (body === undefined ? undefined : "application/json");
  return {
    status,
    headers: {
      ...real.headers,
      ...headers,
      ...(type !== undefined && { "content-type": type }),
      ...(retryAfterS !== undefined && { "retry-after": String(retryAfterS) }),
    },
    // A success is not an error: it has only the body it is given, as NVIDIA's 202 has none.
    body: body ?? (status < 400 ? "" : real.body),
  };
}

export async function refuse(
  reply: Reply,
  dialect: Dialect,
  cause: RefusalCause,
): Promise<Outcome> {
  return sendRefusal(reply, dialect.refusal(cause));
}

export async function sendRefusal(
  reply: Reply,
  { status, headers, body }: Refusal,
): Promise<Outcome> {
  return (await reply.send(status, headers, body)) ? "refused" : "aborted";
}
