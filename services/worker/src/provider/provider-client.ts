/**
 * One provider account as the rest of the worker sees it: a request in, events out.
 */
import type { ProviderConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import type { AccountVerdict } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { MeteredClient, ProviderMeter, RequestMeter } from "../telemetry/provider-meter.ts";
import { chatRequestBody, chatRequestHeaders } from "./chat-request.ts";
import { type Fail, ProviderError } from "./contract/provider-error.ts";
import type { ChatRequest, ProviderEvent } from "./contract/provider-event.ts";
import { AnswerReader } from "./decode/answer-reader.ts";
import { type Receiving, receiveAnswer } from "./decode/receive-answer.ts";
import { classifyRefusal, RefusalReader, refusalDetail } from "./dialects/classify-refusal.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { dialectOf } from "./dialects/dialect-of.ts";
import type { QuestionResult } from "./health/account-refusal.ts";
import { policyOf } from "./health/failure-policy.ts";
import { ProviderHealth } from "./health/provider-health.ts";
import { readRefusal } from "./refusals/refusal.ts";
import { DecodedBody } from "./transport/content-encoding.ts";
import type { TlsOptions } from "./transport/dialer.ts";
import { chunksOf, drain, readErrorBody } from "./transport/response-body.ts";
import { describeTransportError } from "./transport/transport-error.ts";
import { Upstream, type UpstreamResponse } from "./transport/upstream.ts";

/** Where a reason may come with every piece, as large a part of `stallMs` is waited for the next one. */
const UNSURE_SHARE = 1 / 3;
/** Where it does: nearly all of it, so that this ends the answer, and not the limit. */
const GONE_ON_SHARE = 0.9;

export type { ChatRequest, ProviderEvent } from "./contract/provider-event.ts";

export interface ProviderClient {
  readonly name: string;
  readonly config: ProviderConfig;
  /** Whether it is configured to continue the text of an attempt that broke off, and able to. */
  readonly canContinue: boolean;
  /** How it has fared, which whoever uses it tells. */
  readonly health: ProviderHealth;
  /**
   * Opens `pool.warm` sockets. Resolves when they are open, or after `connectMs` at most: a provider
   * that cannot be reached is logged and tried again, and does not keep a worker from starting.
   */
  start(): Promise<void>;
  /**
   * Asks once. Aborting closes the provider's socket at once, as does leaving the loop early.
   *
   * @throws ProviderError for every way the provider can fail, `signal.reason` once it is aborted
   */
  stream(
    request: ChatRequest,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<ProviderEvent>;
  /** Closes every socket now; runs that still stream fail with `unavailable`. */
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
  /** What its requests are measured with. */
  readonly meter?: ProviderMeter;
  /** For a provider whose certificate no public authority signed. */
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
    const ask = () => this.#tryOut();
    const probe = (code: ErrorCode) =>
      code === "provider_unreachable" ? this.#upstream.probe() : ask();
    const onAsked = meter && ((result: QuestionResult) => meter.asked(result));
    this.health = new ProviderHealth({
      provider: name,
      probe,
      ask,
      verdict,
      onAsked,
      log,
      failures,
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
    const refusals = new RefusalReader(this.#dialect, request);
    const { dialect } = refusals;
    const json = chatRequestBody(request, { config: this.config, dialect });
    const meter = this.#meter?.begin();
    const response = await this.#post(json, signal, meter);
    const { connection, sentAt } = response;
    const mayBeEmpty = request.partial !== undefined;
    const mayCall = request.passed?.tools !== undefined;
    const fail = this.#failing(response, refusals);
    const { finishesWithDone = dialect.finishesWithDone } = this.config;
    const reader = new AnswerReader({ dialect, fail, mayBeEmpty, mayCall, finishesWithDone });
    let body: DecodedBody | undefined;
    let received = false;
    try {
      const headers = { type: "headers", connection, sentAt } as const;
      meter?.see(headers);
      yield headers;
      if (response.status !== 200) throw await refused(response, dialect, fail);
      body = new DecodedBody(chunksOf(response.body), response.encodings, fail);
      const onReceived = () => {
        received = true;
        drain(response);
      };
      for await (const event of this.#receive(response, { reader, body, onReceived })) {
        // Text that was read before the abort is of no use to anyone after it.
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
      body?.close();
      if (!received) response.close();
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

  /**
   * Asks for a few tokens, to see whether a provider that can be reached answers again: lists of models
   * come at once from services that have not answered a question for minutes.
   *
   * @throws ProviderError where it fails for a reason of its own, or says nothing in time
   */
  async #tryOut(): Promise<void> {
    const signal = AbortSignal.timeout(this.config.timeouts.firstTokenMs);
    const request = {
      messages: [{ role: "user", content: "Hi" }],
      options: { maxTokens: 16 },
    } as const;
    try {
      for await (const { type } of this.stream(request, { signal })) if (type !== "headers") return;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // So few tokens may all have been thought and not shown.
      if (error.code === "provider_empty") return;
      const { counts, askMostMs } = policyOf(error.code);
      // A refusal of this very question, or of so many, is an answer all the same.
      if (counts || askMostMs !== undefined) throw error;
    }
  }

  #receive(
    response: UpstreamResponse,
    { reader, ...own }: { readonly reader: AnswerReader } & Pick<Receiving, "body" | "onReceived">,
  ): AsyncIterable<ProviderEvent> {
    const { close } = response;
    const { endMs, stallMs } = this.config.timeouts;
    // Well before it would count as a stall.
    const unsureMs = Math.max(endMs, stallMs * UNSURE_SHARE);
    const goneOnMs = Math.max(unsureMs, stallMs * GONE_ON_SHARE);
    const broken = (error: unknown) => this.#broken(response, error);
    return receiveAnswer(reader, { ...own, endMs, unsureMs, goneOnMs, close, broken });
  }

  #failing({ status, connection, retryAfterMs }: UpstreamResponse, refusals: RefusalReader): Fail {
    const known = { provider: this.name, status, connection, retryAfterMs };
    return (code, detail) =>
      new ProviderError(code, {
        ...known,
        detail,
        codeWithoutText: refusals.codeWithoutText(status),
      });
  }

  #broken({ status, connection }: UpstreamResponse, error: unknown): ProviderError {
    const { code, detail, cause } = describeTransportError(error, "after headers");
    return new ProviderError(code, { provider: this.name, detail, status, connection, cause });
  }
}

async function refused(
  response: UpstreamResponse,
  dialect: Dialect,
  fail: Fail,
): Promise<ProviderError> {
  const refusal = readRefusal(response.status, await readErrorBody(response, fail));
  return fail(classifyRefusal(dialect, refusal), refusalDetail(dialect, refusal));
}
