/** The WebSocket that this client is given: a browser's, that of Node 22 and later, or of the package `ws`. */
import { GatewayError } from "./gateway-error.ts";

/** As much of a WebSocket as is needed here. */
export interface WebSocketLike {
  // Only ever written to. Every implementation has types of its own for what it calls them with.
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Of `ws`: leaves without waiting for the other side, which may be gone. */
  terminate?(): void;
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

/** @throws GatewayError `no_websocket`; TypeError for what is no class */
export function webSocketOf(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor };
  const found = given ?? WebSocket;
  if (typeof (given ?? String) !== "function") throw new TypeError("WebSocket must be a class.");
  if (found) return found;
  throw new GatewayError(
    "no_websocket",
    "This runtime has no WebSocket (Node has one from version 22 on). Install the package `ws` and " +
      'give it: import { WebSocket } from "ws"; new GatewayClient({ url, WebSocket }).',
    { retryable: false },
  );
}

const WRONG_URL = "The url must be such as ws://HOST:PORT or wss://HOST.";

/**
 * Where a session connects; `http` becomes `ws`, and a bare host gets the gateway's own path.
 *
 * @throws TypeError for what is no such URL
 */
export function addressOf(url: string, session: string): string {
  const address = parsed(url);
  address.protocol = address.protocol.replace("http", "ws");
  address.hash = "";
  if (!/^wss?:$/.test(address.protocol)) throw new TypeError(WRONG_URL);
  const path = address.pathname === "/" ? "/ws/stream" : address.pathname.replace(/\/$/, "");
  // URLs give these two a meaning of their own, encoded or not: such a session is named with each request.
  const isNamed = session !== "." && session !== "..";
  address.pathname = `${path}/${isNamed ? encodeURIComponent(session) : ""}`;
  return address.href;
}

function parsed(url: string): URL {
  try {
    return new URL(url);
  } catch {
    // What the platform says has the url in it, and with that perhaps a key.
    throw new TypeError(WRONG_URL);
  }
}
