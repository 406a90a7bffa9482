/**
 * HTTP to one provider: one request out, one response head in, on a socket we know the history of.
 *
 * No deadline is kept here except the connect timeout: a run's deadlines arrive through its signal.
 */
import type { Readable } from "node:stream";
import type { ProviderConfig } from "@openclaw/config";
import type { ConnectionLabel } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import { type Dispatcher, Pool } from "undici";
import { untilAborted } from "../../until-aborted.ts";
import { ProviderError } from "../contract/provider-error.ts";
import { CarrierWatch } from "./carrier.ts";
import { encodingsOf } from "./content-encoding.ts";
import { Dialer, type TlsOptions } from "./dialer.ts";
import { readRetryAfter } from "./retry-after.ts";
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
  /** How the body is encoded, in the order in which that was done; mostly not at all. */
  readonly encodings: readonly string[];
  /** What the response's headers ask for; see `readRetryAfter`. */
  readonly retryAfterMs: number | undefined;
  /** When the request went out, on this process's monotonic clock. */
  readonly sentAt: number;
  /** Ends the exchange at once, and with it the socket where the response is not complete. */
  readonly close: () => void;
}

interface Attempt {
  readonly pool: Pool;
  readonly body: Buffer;
  /** The moment the run asked; sockets open by then are warm. */
  readonly askedAt: number;
  readonly signal: AbortSignal;
}

export class Upstream {
  readonly #name: string;
  readonly #connectMs: number;
  readonly #request: Pick<Dispatcher.RequestOptions, "path" | "method" | "headers">;
  readonly #dialer: Dialer;
  readonly #connector: WarmConnector;
  readonly #carriers: CarrierWatch;
  readonly #pool: Pool;
  /** For the second try of a request whose socket had gone stale: every request dials for itself. */
  readonly #freshPool: Pool;

  constructor({ name, config, headers, log, tls }: UpstreamOptions) {
    const { baseUrl, pool, timeouts, proxy } = config;
    const url = new URL(baseUrl);
    this.#name = name;
    this.#connectMs = timeouts.connectMs;
    this.#request = { path: pathOf(url), method: "POST", headers };
    this.#dialer = new Dialer({ origin: url, connectMs: timeouts.connectMs, proxy, tls });
    this.#connector = new WarmConnector({ provider: name, dialer: this.#dialer, pool, log });
    const { resting } = this.#connector;
    this.#carriers = new CarrierWatch({
      onSent: (socket) => resting.wake(socket),
      onOver: (socket) => resting.rest(socket),
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
      // A provider's own hint may shorten the time a socket idles, never lengthen it.
      keepAliveMaxTimeout: pool.idleMs,
    });
    this.#freshPool = new Pool(url.origin, {
      ...common,
      connect: (_options, callback) =>
        this.#dialer.dial((error, socket) =>
          socket === undefined
            ? callback(error ?? new Error("no socket"), null)
            : callback(null, socket),
        ),
    });
  }

  /** Sockets of the pool, by what they do. */
  get sockets(): WarmConnector["sockets"] {
    return this.#connector.sockets;
  }

  async start(): Promise<void> {
    this.#carriers.start();
    await this.#connector.start(this.#connectMs);
  }

  async stop(): Promise<void> {
    this.#connector.stop();
    await Promise.all([this.#pool.destroy(), this.#freshPool.destroy()]);
    this.#carriers.stop();
  }

  /**
   * Sends a request and waits for the head of the response.
   *
   * @throws ProviderError where no response began; `signal.reason` once the signal is aborted
   */
  async post(json: string, signal: AbortSignal): Promise<UpstreamResponse> {
    const askedAt = this.#dialer.mark();
    const first = { pool: this.#pool, body: Buffer.from(json), askedAt, signal };
    try {
      return await this.#send(first);
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#wasStale(first, error)) throw this.#unreachable(error, first);
      const carrier = this.#carriers.carrierOf(first.body);
      if (carrier) this.#connector.resting.wasStale(carrier.socket);
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
   * Asks for the list of models, on a connection of its own: the cheapest question that shows that a
   * provider can be reached. What it answers does not matter.
   *
   * @throws where it does not answer in time
   */
  async probe(): Promise<void> {
    const signal = AbortSignal.timeout(PROBE_MS);
    const path = this.#request.path.replace(CHAT_COMPLETIONS_PATH, MODELS_PATH);
    const { headers } = this.#request;
    const asked = this.#freshPool.request({ path, headers, method: "GET", reset: true, signal });
    const { body } = await untilAborted(asked, signal);
    body.on("error", ignore).destroy();
  }

  async #send({ pool, body, askedAt, signal }: Attempt): Promise<UpstreamResponse> {
    const close = () => this.#carriers.close(body);
    const forget = () => signal.removeEventListener("abort", close);
    // Must come before the listener that undici adds.
    signal.addEventListener("abort", close, { once: true });
    const connecting = new AbortController();
    const connectTimer = setTimeout(() => {
      if (!this.#carriers.carrierOf(body)) connecting.abort(this.#dialer.lateness());
    }, this.#connectMs);
    try {
      const reset = pool === this.#freshPool && { reset: true };
      // A request without a socket may wait behind dials and pauses of the pool; its own wait is bounded.
      const either = AbortSignal.any([signal, connecting.signal]);
      const request = pool.request({ ...this.#request, ...reset, body, signal: either });
      // undici hears of an abort only once the request has its socket. A run that is over must not wait for that.
      const response = await untilAborted(request, either);
      // undici destroys a body with an error; whoever reads it hears of it, and nobody may be reading.
      response.body.on("error", ignore).on("close", forget);
      return {
        status: response.statusCode,
        body: response.body,
        connection: this.#label(body, askedAt) ?? "cold",
        encodings: encodingsOf(response.headers["content-encoding"]),
        retryAfterMs: readRetryAfter(response.headers),
        sentAt: this.#carriers.carrierOf(body)?.sentAt ?? performance.now(),
        close() {
          close();
          response.body.destroy();
        },
      };
    } catch (error) {
      forget();
      throw error;
    } finally {
      clearTimeout(connectTimer);
    }
  }

  /**
   * Whether a request met a socket that the provider had closed while it was idle. The news crosses
   * the request on its way, so the pool cannot know. Such a request was not answered with a single
   * byte, and asking once more is right: to fail would be the commonest false failure there is.
   */
  #wasStale({ body, askedAt }: Attempt, error: unknown): boolean {
    const carrier = this.#carriers.carrierOf(body);
    if (carrier === undefined || !isClosedByPeer(error)) return false;
    // News of a close that crosses a request is there about a round trip later. What comes later is an answer.
    if (performance.now() - carrier.sentAt > STALE_WITHIN_MS) return false;
    // A run that waited for its socket may have one that is younger than its wish, and used all the same.
    return carrier.reused || this.#label(body, askedAt) === "warm";
  }

  #label(body: Buffer, askedAt: number): ConnectionLabel | undefined {
    const carrier = this.#carriers.carrierOf(body);
    if (carrier === undefined) return undefined;
    return this.#dialer.wasOpenAt(carrier.socket, askedAt) ? "warm" : "cold";
  }

  #unreachable(error: unknown, { body, askedAt }: Attempt): ProviderError {
    const { code, detail, cause } = describeTransportError(error, "before headers");
    const connection = this.#label(body, askedAt);
    return new ProviderError(code, { provider: this.#name, detail, connection, cause });
  }
}

function pathOf({ pathname, search }: URL): string {
  return `${pathname.replace(/\/+$/, "")}${CHAT_COMPLETIONS_PATH}${search}`;
}

function ignore(): void {
  // The reader of the body sees the same error and decides.
}
