/**
 * Asks an HTTP proxy for a tunnel to a provider (CONNECT), over a socket that leads to the proxy.
 *
 * Every error here names the proxy, not the provider. An error keeps only the status of the proxy's answer, and only
 * host and port of its address: the rest may be a password.
 */
import type { Socket } from "node:net";

/** The longest head of a proxy's answer. */
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_END = /\r?\n\r?\n/;
const STATUS = /^HTTP\/1\.[01] (\d{3})[ \r\n]/;
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
/** The beginning of every answer. */
const BEGINNING = "HTTP/1.";

const SENTENCES: Readonly<Record<string, string>> = {
  TIMEOUT: "the proxy did not open a tunnel in time",
  CLOSED: "the proxy closed the connection instead of opening a tunnel",
  NOT_HTTP: "the proxy does not speak HTTP",
  HTTP_407: "the proxy wants another user or password, HTTP 407",
};

/** The proxy did not open a tunnel. */
export class ProxyFailedError extends Error {
  /** Safe to show: `PROXY_HTTP_407`, `PROXY_ECONNREFUSED`. */
  readonly code: string;
  /** For the brackets of an error. */
  readonly detail: string;

  /** @param reason a key of `SENTENCES`, `HTTP_` with a status, or the system's code of a failed connection */
  constructor(reason: string) {
    const detail = wordsFor(reason);
    super(detail);
    this.name = "ProxyFailedError";
    this.code = `PROXY_${reason}`;
    this.detail = detail;
  }

  /** From an error of the connection to the proxy. */
  static from(error: unknown): ProxyFailedError {
    if (error instanceof ProxyFailedError) return error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "UND_ERR_CONNECT_TIMEOUT") return new ProxyFailedError("TIMEOUT");
    return new ProxyFailedError(typeof code === "string" ? code : "UNKNOWN");
  }
}

function wordsFor(reason: string): string {
  const status = /^HTTP_(\d{3})$/.exec(reason)?.[1];
  const refused = status && `the proxy refused the tunnel, HTTP ${status}`;
  return SENTENCES[reason] ?? refused ?? `the proxy cannot be reached, ${reason}`;
}

export interface TunnelRequest {
  /** The end of the tunnel. */
  readonly origin: URL;
  readonly proxy: URL;
}

/** Calls back once. Without an error, the socket now leads to the provider. */
export function askForTunnel(
  socket: Socket,
  request: TunnelRequest,
  callback: (error?: ProxyFailedError) => void,
): void {
  let head = "";
  const settle = (error?: ProxyFailedError) => {
    socket.off("readable", onReadable).off("close", onClose).off("error", onError);
    callback(error);
  };
  const onReadable = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      head += chunk.toString("latin1");
      const verdict = verdictOf(head);
      if (verdict === "more") continue;
      return settle(verdict === "open" ? undefined : new ProxyFailedError(verdict));
    }
  };
  const onClose = () => settle(new ProxyFailedError("CLOSED"));
  const onError = (error: Error) => settle(ProxyFailedError.from(error));
  socket.on("readable", onReadable).on("close", onClose).on("error", onError);
  socket.write(requestHead(request));
}

/** The state of the answer so far: a tunnel, an error, or incomplete. */
function verdictOf(head: string): "open" | "more" | "NOT_HTTP" | `HTTP_${string}` {
  if (head.length > MAX_HEAD_BYTES) return "NOT_HTTP";
  const last = withoutInterim(head);
  if (!last.startsWith(BEGINNING.slice(0, last.length))) return "NOT_HTTP";
  const end = HEAD_END.exec(last);
  if (end === null) return "more";
  const status = STATUS.exec(last)?.[1];
  if (status === undefined) return "NOT_HTTP";
  if (!status.startsWith("2")) return `HTTP_${status}`;
  // Behind the head, no byte may come before the worker has sent one.
  return end.index + end[0].length === last.length ? "open" : "NOT_HTTP";
}

/** Before its answer, a proxy may send any number of interim answers (`100 Continue`). */
function withoutInterim(head: string): string {
  let rest = head;
  for (;;) {
    const end = INTERIM.test(rest) ? HEAD_END.exec(rest) : null;
    if (end === null) return rest;
    rest = rest.slice(end.index + end[0].length);
  }
}

function requestHead({ origin, proxy }: TunnelRequest): string {
  const port = origin.port || (origin.protocol === "https:" ? "443" : "80");
  const target = `${origin.hostname}:${port}`;
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (proxy.username !== "" || proxy.password !== "") {
    const credentials = `${decode(proxy.username)}:${decode(proxy.password)}`;
    lines.push(`Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Returns the text as it is, if it is not valid percent-encoding. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
