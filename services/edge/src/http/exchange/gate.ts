/** Checks every request before its route: its head, and the page that sent it. */
import type { HttpRequest } from "uWebSockets.js";
import { type Failure, failure } from "@openclaw/protocol";
import type { Origins } from "../../admission/origins.ts";
import { replyHeaders } from "./cors.ts";
import type { Headers } from "./http-head.ts";

/** Of the request line and all headers. Browsers and proxies have this limit or a lower one. */
export const MAX_HEAD_BYTES = 16 * 1024;

const HEAD_TOO_LONG = failure(
  "head_too_long",
  `The head of the request is longer than the ${MAX_HEAD_BYTES} bytes that this server accepts. Cookies and tokens are the usual reason.`,
);
/**
 * Readers differ in which length they use, so one takes for the next request what another takes for the body.
 * uWebSockets.js uses the first length.
 */
const TWO_LENGTHS = failure(
  "invalid_request",
  "The request has two different Content-Length headers.",
);

export interface Admission {
  readonly refusal?: Failure;
  /** Of the reply, whatever it is. */
  readonly headers: Headers;
  /** Whether the page that asks may read the reply. */
  readonly isReadable: boolean;
  /**
   * Whether it is uncertain where the request ends. Its connection is then cut, so that nothing behind it is read.
   */
  readonly hasUnsureEnd?: boolean;
}

export class Gate {
  readonly #origins: Pick<Origins, "judge">;

  constructor(origins: Pick<Origins, "judge">) {
    this.#origins = origins;
  }

  /** Must be called within the handler of the route: the request is only valid there. */
  admit(request: HttpRequest): Admission {
    const { refusal, reader } = this.#origins.judge({
      origin: request.getHeader("origin"),
      site: request.getHeader("sec-fetch-site"),
      host: request.getHeader("host"),
    });
    const hasUnsureEnd = hasTwoLengths(request);
    const unfit = headBytesOf(request) > MAX_HEAD_BYTES ? HEAD_TOO_LONG : undefined;
    const reason = unfit ?? (hasUnsureEnd ? TWO_LENGTHS : refusal);
    return {
      headers: replyHeaders(reader),
      isReadable: reader !== undefined,
      hasUnsureEnd,
      ...(reason && { refusal: reason }),
    };
  }
}

/** Counted as clients usually write it: one space behind each colon. */
function headBytesOf(request: HttpRequest): number {
  const query = request.getQuery();
  const line = `${request.getMethod()} ${request.getUrl()}${query ? `?${query}` : ""} HTTP/1.1\r\n`;
  let bytes = Buffer.byteLength(line) + 2;
  request.forEach((name, value) => {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
  });
  return bytes;
}

function hasTwoLengths(request: HttpRequest): boolean {
  let length: string | undefined;
  let isAnother = false;
  request.forEach((name, value) => {
    if (name !== "content-length") return;
    isAnother ||= length !== undefined && length !== value;
    length = value;
  });
  return isAnother;
}
