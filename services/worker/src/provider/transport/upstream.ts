/**
 * HTTP to one provider: one request out, one response head in, on a socket whose history is known.
 *
 * The only deadline here is the connect timeout. The deadlines of a run arrive through its signal.
 */
import type { Readable } from "node:stream";
import type { ProviderConfig } from "@openclaw/config";
import type { ConnectionLabel } from "@openclaw/protocol";
import { type Logger, untilAborted } from "@openclaw/runtime";
import { type Dispatcher, Pool } from "undici";
import { ProviderError } from "../contract/provider-error.ts";
import { encodingsOf } from "./content-encoding.ts";
import { Dialer, type TlsOptions } from "./dialer.ts";
import { RequestSockets } from "./request-sockets.ts";
import { readRetryAfter } from "./retry-after.ts";
import { ignoreErrors, sendRequest } from "./send-request.ts";
import { describeTransportError, isClosedByPeer } from "./transport-error.ts";
import { WarmConnector } from "./warm-connector.ts";

const CHAT_COMPLETIONS_PATH = "/chat/completions";
const MODELS_PATH = "/models";
const PROBE_MS = 2_000;
const STALE_WITHIN_MS = 2_000;

export interface UpstreamOptions {
  readonly name: string;
  readonly config: Pick<ProviderConfig, "baseUrl" | "pool" | "timeouts" | "proxy">;
  /** Of every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly tls?: TlsOptions | undefined;
}

export interface UpstreamResponse {
  readonly status: number;
  readonly body: Readable;
  readonly connection: ConnectionLabel;
  /** The encodings of the body, in the order in which the provider applied them. Mostly empty. */
  readonly encodings: readonly string[];
  /** See `readRetryAfter`. */
  readonly retryAfterMs: number | undefined;
  /** When the request went out, on this process's monotonic clock. */
  readonly sentAt: number;
  /** Ends the exchange at once. Also closes the socket if the response is not complete. */
  readonly close: () => void;
}

/** One try of a request. */
interface Sending {
  readonly pool: Pool;
  readonly body: Buffer;
  /** The moment the run asked; sockets that were open by then are warm. */
  readonly askedAt: number;
  readonly signal: AbortSignal;
}

export class Upstream {
  readonly #name: string;
  readonly #connectMs: number;
  readonly #request: Pick<Dispatcher.RequestOptions, "path" | "method" | "headers">;
  readonly #dialer: Dialer;
  readonly #connector: WarmConnector;
  readonly #requestSockets: RequestSockets;
  readonly #pool: Pool;
  /** For the second try of a request whose socket was stale. Opens a socket for each request. */
  readonly #freshPool: Pool;

  constructor({ name, config, headers, log, tls }: UpstreamOptions) {
    const { baseUrl, pool, timeouts, proxy } = config;
    const url = new URL(baseUrl);
    this.#name = name;
    this.#connectMs = timeouts.connectMs;
    this.#request = { path: pathOf(url), method: "POST", headers };
    this.#dialer = new Dialer({ origin: url, connectMs: timeouts.connectMs, proxy, tls });
    this.#connector = new WarmConnector({ provider: name, dialer: this.#dialer, pool, log });
    const { idle } = this.#connector;
    this.#requestSockets = new RequestSockets({
      onSent: (socket) => idle.markBusy(socket),
      onOver: (socket) => idle.markIdle(socket),
    });
    const common = {
      connections: pool.connections,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#pool = new Pool(url.origin, {
      ...common,
      connect: this.#connector.connect,
      keepAliveTimeout: pool.idleMs,
      // A provider's own hint may shorten the idle time of a socket, never lengthen it.
      keepAliveMaxTimeout: pool.idleMs,
    });
    this.#freshPool = new Pool(url.origin, { ...common, connect: this.#dialer.connect });
  }

  /** Sockets of the pool, by their use. */
  get sockets(): WarmConnector["sockets"] {
    return this.#connector.sockets;
  }

  async start(): Promise<void> {
    this.#requestSockets.start();
    await this.#connector.start(this.#connectMs);
  }

  async stop(): Promise<void> {
    this.#connector.stop();
    await Promise.all([this.#pool.destroy(), this.#freshPool.destroy()]);
    this.#requestSockets.stop();
  }

  /**
   * Sends a request and waits for the head of the response.
   *
   * @throws ProviderError if no response began; `signal.reason` once the signal is aborted
   */
  async post(json: string, signal: AbortSignal): Promise<UpstreamResponse> {
    const askedAt = this.#dialer.mark();
    const first = { pool: this.#pool, body: Buffer.from(json), askedAt, signal };
    try {
      return await this.#send(first);
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#wasStale(first, error)) throw this.#unreachable(error, first);
      const used = this.#requestSockets.of(first.body);
      if (used) this.#connector.idle.wasStale(used.socket);
    }
    const second = { ...first, pool: this.#freshPool, body: Buffer.from(json) };
    try {
      return await this.#send(second);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unreachable(error, second);
    }
  }

  /**
   * Asks for the list of models, on a connection of its own. It is the cheapest request that shows that the
   * provider can be reached. Any answer will do.
   *
   * @throws if no answer comes in time
   */
  async probe(): Promise<void> {
    const signal = AbortSignal.timeout(PROBE_MS);
    const path = this.#request.path.replace(CHAT_COMPLETIONS_PATH, MODELS_PATH);
    const { headers } = this.#request;
    const asked = this.#freshPool.request({ path, headers, method: "GET", reset: true, signal });
    const { body } = await untilAborted(asked, signal);
    ignoreErrors(body).destroy();
  }

  async #send(sending: Sending): Promise<UpstreamResponse> {
    const { pool, body, askedAt, signal } = sending;
    const sockets = this.#requestSockets;
    const close = () => sockets.close(body);
    const response = await sendRequest({
      pool,
      request: { ...this.#request, body, reset: pool === this.#freshPool },
      connectMs: this.#connectMs,
      signal,
      isConnected: () => sockets.of(body) !== undefined,
      lateness: () => this.#dialer.lateness(),
      close,
    });
    return {
      status: response.statusCode,
      body: response.body,
      connection: this.#label(body, askedAt) ?? "cold",
      encodings: encodingsOf(response.headers["content-encoding"]),
      retryAfterMs: readRetryAfter(response.headers),
      sentAt: sockets.of(body)?.sentAt ?? performance.now(),
      close() {
        close();
        response.body.destroy();
      },
    };
  }

  /**
   * Whether a request met a socket that the provider had closed while the socket was idle. The close crosses the
   * request on its way, so the pool cannot know. Such a request got no byte of an answer, and a second try is
   * right: otherwise this would be the commonest false failure.
   */
  #wasStale({ body, askedAt }: Sending, error: unknown): boolean {
    const used = this.#requestSockets.of(body);
    if (used === undefined || !isClosedByPeer(error)) return false;
    // A close that crosses a request arrives about a round trip later. A later close is an answer.
    if (performance.now() - used.sentAt > STALE_WITHIN_MS) return false;
    // A run that waited for its socket may get a used socket that is younger than the run.
    return used.reused || this.#label(body, askedAt) === "warm";
  }

  #label(body: Buffer, askedAt: number): ConnectionLabel | undefined {
    const used = this.#requestSockets.of(body);
    if (used === undefined) return undefined;
    return this.#dialer.wasOpenAt(used.socket, askedAt) ? "warm" : "cold";
  }

  #unreachable(error: unknown, { body, askedAt }: Sending): ProviderError {
    const { code, detail, cause } = describeTransportError(error, "before headers");
    const connection = this.#label(body, askedAt);
    return new ProviderError(code, { provider: this.#name, detail, connection, cause });
  }
}

function pathOf({ pathname, search }: URL): string {
  return `${pathname.replace(/\/+$/, "")}${CHAT_COMPLETIONS_PATH}${search}`;
}
