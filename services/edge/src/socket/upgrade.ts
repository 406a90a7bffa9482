/**
 * Decides each upgrade request: the client gets a WebSocket, an HTTP refusal, or a WebSocket that is closed at once.
 *
 * uWebSockets.js requires that everything of the request is read before anything is awaited; nothing is awaited here.
 */
import type { HttpRequest, HttpResponse, us_socket_context_t } from "uWebSockets.js";
import { randomUUID } from "node:crypto";
import { type Failure, failure, sessionOfPath, V2_SUBPROTOCOL } from "@openclaw/protocol";
import type { AddressLimit } from "./address-limit.ts";
import type { ClientAddress, ClientAddresses } from "./client-address.ts";
import type { ConnectionData } from "./connection-data.ts";

/** What the gate says of the head of an upgrade request. */
export interface UpgradeAdmission {
  readonly refusal?: Failure;
  /** Of the response, if the upgrade is refused. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is uncertain where the request ends. Its connection is then cut without a response. */
  readonly hasUnsureEnd?: boolean;
}

/** Where a client may show its API key. */
export interface UpgradeCredentials {
  /** The `authorization` header; empty if the client sent none. */
  readonly authorization: string;
  /** `api_key` of the query. */
  readonly apiKey: string | undefined;
}

export interface UpgradeOptions {
  readonly addresses: Pick<ClientAddresses, "of">;
  readonly addressLimit: AddressLimit;
  readonly gate: { admit(request: HttpRequest): UpgradeAdmission };
  readonly clientKeys: { accept(credentials: UpgradeCredentials): boolean };
  /** Why this edge takes no connection right now. */
  readonly refusal: () => Failure | undefined;
  /** Writes an HTTP refusal and closes the connection. */
  readonly writeRefusal: (
    response: HttpResponse,
    refusal: Failure,
    headers: UpgradeAdmission["headers"],
  ) => void;
  readonly onRefused: (reason: Failure) => void;
}

const CROWDED = failure(
  "overloaded",
  "Your address has as many connections as this server allows. Try again shortly.",
);
/** The length of a `traceparent` in every version of W3C trace context. */
const TRACEPARENT_LENGTH = 55;

interface Upgrade extends Pick<UpgradeAdmission, "headers"> {
  readonly context: us_socket_context_t;
  readonly address: ClientAddress;
  /** The connection opens, and is closed with this reason. */
  readonly refusal?: Failure;
}

export class Upgrades {
  readonly #options: UpgradeOptions;

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  take(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
    const { gate, addresses, addressLimit, onRefused, writeRefusal } = this.#options;
    const { refusal: unwanted, headers, hasUnsureEnd } = gate.admit(request);
    if (unwanted && hasUnsureEnd) {
      onRefused(unwanted);
      response.close();
      return;
    }
    const address = addresses.of(response.getRemoteAddress(), forwardedOf(request));
    const crowded = addressLimit.hasRoom(address) ? undefined : CROWDED;
    const refusal = unwanted ?? this.#options.refusal() ?? crowded ?? this.#keyRefusal(request);
    if (refusal) onRefused(refusal);
    if (refusal && !opensFirst(refusal, request)) writeRefusal(response, refusal, headers);
    else
      this.#upgrade(response, request, { context, headers, address, ...(refusal && { refusal }) });
  }

  #keyRefusal(request: HttpRequest): Failure | undefined {
    const isKnown = this.#options.clientKeys.accept({
      authorization: request.getHeader("authorization"),
      apiKey: request.getQuery("api_key"),
    });
    return isKnown ? undefined : failure("invalid_api_key");
  }

  #upgrade(
    response: HttpResponse,
    request: HttpRequest,
    { context, headers, address, refusal }: Upgrade,
  ): void {
    const key = request.getHeader("sec-websocket-key");
    const extensions = request.getHeader("sec-websocket-extensions");
    const asked = sessionOfPath(request.getParameter(0) ?? "");
    if (asked === undefined) {
      this.#options.writeRefusal(response, failure("invalid_session"), headers);
      return;
    }
    const protocol = protocolOf(request);
    // Kept as long as the connection, so its length is bounded.
    const traceparent = request.getHeader("traceparent").slice(0, TRACEPARENT_LENGTH) || undefined;
    const data: ConnectionData = {
      id: randomUUID(),
      session: asked || randomUUID(),
      protocol,
      address,
      traceparent,
      ...(refusal && { refusal }),
    };
    // Another subprotocol is not confirmed: a client that needs it must not go on.
    const confirmed = protocol === "v2" ? V2_SUBPROTOCOL : "";
    response.cork(() => response.upgrade(data, key, confirmed, extensions, context));
  }
}

/**
 * Whether the connection opens before it is refused: a v2 client without a valid key is closed with a code that says
 * not to reconnect. WebSocket clients do not see the response to a failed upgrade. They would take it for a gateway that
 * is away, and try again.
 */
function opensFirst({ code }: Failure, request: HttpRequest): boolean {
  return code === "invalid_api_key" && protocolOf(request) === "v2";
}

function protocolOf(request: HttpRequest): ConnectionData["protocol"] {
  const offered = request.getHeader("sec-websocket-protocol").split(/\s*,\s*/);
  return offered.includes(V2_SUBPROTOCOL) ? "v2" : "v1";
}

/** Every line of the header, in order: a proxy may add its line behind a line that the client made up. */
function forwardedOf(request: HttpRequest): string[] {
  const lines: string[] = [];
  request.forEach((name, value) => {
    if (name === "x-forwarded-for") lines.push(value);
  });
  return lines;
}
