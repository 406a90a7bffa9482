/** One provider account for the rest of the worker: a request in, events out. */
import type { ProviderConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import type { AccountVerdict } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { MeteredClient, ProviderMeter, RequestMeter } from "../telemetry/provider-meter.ts";
import { chatRequestBody, chatRequestHeaders } from "./chat-request.ts";
import type { ChatRequest, ProviderEvent } from "./contract/provider-event.ts";
import { RefusalReader } from "./dialects/classify-refusal.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { dialectOf } from "./dialects/dialect-of.ts";
import { Exchange } from "./exchange.ts";
import type { QuestionResult } from "./health/account-refusal.ts";
import { ProviderHealth } from "./health/provider-health.ts";
import { askPlainQuestion } from "./plain-question.ts";
import type { TlsOptions } from "./transport/dialer.ts";
import { Upstream, type UpstreamResponse } from "./transport/upstream.ts";

export interface ProviderClient {
  readonly name: string;
  readonly config: ProviderConfig;
  /** Whether it is configured, and able, to continue the text of an attempt that broke off. */
  readonly canContinue: boolean;
  /** The user of the client reports to it how attempts came out. */
  readonly health: ProviderHealth;
  /**
   * Opens `pool.warm` sockets. Resolves when they are open, after at most `connectMs`. A provider that cannot be
   * reached is logged and tried again, and does not keep a worker from starting.
   */
  start(): Promise<void>;
  /**
   * Asks once. An abort closes the provider's socket at once, and so does leaving the loop early.
   *
   * @throws ProviderError for every failure of the provider, `signal.reason` once the signal is aborted
   */
  stream(
    request: ChatRequest,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<ProviderEvent>;
  /** Closes every socket now. Runs that still stream fail with `unavailable`. */
  stop(): Promise<void>;
}

export interface ProviderClientOptions {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** See `ProviderHealthOptions.verdict`. */
  readonly verdict?: AccountVerdict;
  /** See `CircuitBreakerOptions.failures`. */
  readonly circuitFailures?: number;
  /** Measures the requests. */
  readonly meter?: ProviderMeter;
  /** For a provider whose certificate is not signed by a public authority. */
  readonly tls?: TlsOptions;
}

export function createProviderClient(options: ProviderClientOptions): ProviderClient {
  return new HttpProviderClient(options);
}

class HttpProviderClient implements ProviderClient {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly health: ProviderHealth;
  readonly #dialect: Dialect;
  readonly #upstream: Upstream;
  readonly #meter: ProviderMeter | undefined;
  readonly #metered: MeteredClient;

  constructor(options: ProviderClientOptions) {
    const { name, config, log, circuitFailures: failures, tls, meter, verdict } = options;
    this.name = name;
    this.#meter = meter;
    this.config = config;
    this.#dialect = dialectOf(config.kind);
    const headers = chatRequestHeaders(config, this.#dialect);
    this.#upstream = new Upstream({ name, config, headers, log, tls });
    const ask = () => askPlainQuestion(this);
    const probe = (code: ErrorCode) =>
      code === "provider_unreachable" ? this.#upstream.probe() : ask();
    const onAsked = meter && ((result: QuestionResult) => meter.asked(result));
    this.health = new ProviderHealth({
      provider: name,
      ...{ probe, ask, verdict, onAsked, log, failures },
    });
    this.#metered = { health: this.health, upstream: this.#upstream };
  }

  start(): Promise<void> {
    this.#meter?.watch(this.#metered);
    return this.#upstream.start();
  }

  get canContinue(): boolean {
    return this.config.continueFromPartial && this.#dialect.continuation !== undefined;
  }

  stop(): Promise<void> {
    this.#meter?.unwatch(this.#metered);
    this.health.stop();
    return this.#upstream.stop();
  }

  async *stream(
    request: ChatRequest,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<ProviderEvent, void, undefined> {
    signal.throwIfAborted();
    const { name: provider, config } = this;
    const refusals = new RefusalReader(this.#dialect, request);
    const json = chatRequestBody(request, { config, dialect: refusals.dialect });
    const meter = this.#meter?.begin();
    const response = await this.#post(json, signal, meter);
    const exchange = new Exchange({ provider, config, request, response, refusals });
    try {
      const { connection, sentAt } = response;
      const headers = { type: "headers", connection, sentAt } as const;
      meter?.see(headers);
      yield headers;
      for await (const event of await exchange.open()) {
        // Text that was read before an abort has no reader after it.
        signal.throwIfAborted();
        meter?.see(event);
        yield event;
      }
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error;
      meter?.ended(reason);
      throw reason;
    } finally {
      meter?.ended();
      exchange.close();
    }
  }

  /** As `Upstream.post`. */
  async #post(
    json: string,
    signal: AbortSignal,
    meter: RequestMeter | undefined,
  ): Promise<UpstreamResponse> {
    try {
      return await this.#upstream.post(json, signal);
    } catch (error) {
      meter?.ended(error);
      throw error;
    }
  }
}
