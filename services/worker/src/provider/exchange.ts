/** One response of a provider, from its status to the end of its body. */
import type { ProviderConfig } from "@openclaw/config";
import { type Fail, ProviderError } from "./contract/provider-error.ts";
import type { ChatRequest, ProviderEvent } from "./contract/provider-event.ts";
import { AnswerReader } from "./decode/answer-reader.ts";
import { receiveAnswer } from "./decode/receive-answer.ts";
import { classifyRefusal, type RefusalReader, refusalDetail } from "./dialects/classify-refusal.ts";
import { readRefusal } from "./refusals/refusal.ts";
import { DecodedBody } from "./transport/content-encoding.ts";
import { chunksOf, drain, readErrorBody } from "./transport/response-body.ts";
import { describeTransportError } from "./transport/transport-error.ts";
import type { UpstreamResponse } from "./transport/upstream.ts";

/** The wait behind a reason that may come with every piece, as a share of `stallMs`. */
const UNSURE_SHARE = 1 / 3;
/** The same if reasons do come with every piece. Below 1, so that this ends the answer before the stall limit does. */
const GONE_ON_SHARE = 0.9;

export interface ExchangeOptions {
  /** The provider's configured name. */
  readonly provider: string;
  readonly config: ProviderConfig;
  readonly request: ChatRequest;
  readonly response: UpstreamResponse;
  readonly refusals: RefusalReader;
}

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #fail: Fail;
  #body: DecodedBody | undefined;
  #isReceived = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { provider, response, refusals } = options;
    const { status, connection, retryAfterMs } = response;
    const known = { provider, status, connection, retryAfterMs };
    this.#fail = (code, detail) =>
      new ProviderError(code, {
        ...known,
        detail,
        codeWithoutText: refusals.codeWithoutText(status),
      });
  }

  /**
   * Returns the events of the answer.
   *
   * @throws ProviderError for a response that is not an answer
   */
  async open(): Promise<AsyncIterable<ProviderEvent>> {
    const { response } = this.#options;
    if (response.status !== 200) throw await this.#refused();
    const body = new DecodedBody(chunksOf(response.body), response.encodings, this.#fail);
    this.#body = body;
    return receiveAnswer(this.#reader(), {
      body,
      ...this.#limits(),
      close: response.close,
      onReceived: () => {
        this.#isReceived = true;
        drain(response);
      },
      broken: (error) => this.#broken(error),
    });
  }

  /** Closes the socket, unless the answer was received to its end. */
  close(): void {
    this.#body?.close();
    if (!this.#isReceived) this.#options.response.close();
  }

  #reader(): AnswerReader {
    const { config, request, refusals } = this.#options;
    const { dialect } = refusals;
    const { finishesWithDone = dialect.finishesWithDone } = config;
    return new AnswerReader({
      dialect,
      fail: this.#fail,
      mayBeEmpty: request.partial !== undefined,
      mayCall: request.passed?.tools !== undefined,
      finishesWithDone,
    });
  }

  #limits() {
    const { endMs, stallMs } = this.#options.config.timeouts;
    const unsureMs = Math.max(endMs, stallMs * UNSURE_SHARE);
    return { endMs, unsureMs, goneOnMs: Math.max(unsureMs, stallMs * GONE_ON_SHARE) };
  }

  async #refused(): Promise<ProviderError> {
    const { response, refusals } = this.#options;
    const { status } = response;
    const refusal = readRefusal(status, await readErrorBody(response, this.#fail));
    const { dialect } = refusals;
    return this.#fail(classifyRefusal(dialect, refusal), refusalDetail(dialect, refusal));
  }

  #broken(error: unknown): ProviderError {
    const { provider, response } = this.#options;
    const { status, connection } = response;
    const { code, detail, cause } = describeTransportError(error, "after headers");
    return new ProviderError(code, { provider, detail, status, connection, cause });
  }
}
