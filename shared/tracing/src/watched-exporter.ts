import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import { CollectorAnswers } from "./collector-answers.ts";
import type { TracingOptions } from "./tracing-options.ts";

interface Trouble {
  readonly message: "traces cannot be exported" | "collector rejects spans";
  readonly facts: object;
  readonly lost: number;
}

/**
 * Says once that the collector does not take spans, and once that it takes all of them again. What is lost in
 * between is lost: the queue in front of this is bounded, and no run waits for it.
 */
export class WatchedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: TracingOptions["log"];
  readonly #answers = new CollectorAnswers();
  #trouble: Trouble["message"] | undefined;
  #lost = 0;

  constructor(exporter: SpanExporter, log: TracingOptions["log"]) {
    this.#exporter = exporter;
    this.#log = log;
  }

  /** Whether what was sent last did not arrive. */
  get isFailing(): boolean {
    return this.#trouble === "traces cannot be exported";
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    // Batches go one after the other, but for the last ones of a process.
    this.#answers.forget();
    this.#exporter.export(spans, (result) => {
      this.#tell(this.#troubleOf(result, spans.length));
      onResult(result);
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    this.stopListening();
    return this.#exporter.shutdown();
  }

  /** For a process that leaves without sending what it has. */
  stopListening(): void {
    this.#answers.stop();
  }

  #troubleOf({ code, error }: ExportResult, sent: number): Trouble | undefined {
    const answer = this.#answers.last;
    const failed = (why: string): Trouble => ({
      message: "traces cannot be exported",
      facts: { code: why },
      lost: sent,
    });
    if (code !== ExportResultCode.SUCCESS) return failed(whyFailed(error, answer?.status));
    if (answer?.isPage) return failed("answered with a web page, as no collector does");
    if (!answer?.rejected) return undefined;
    const { rejected } = answer;
    return { message: "collector rejects spans", facts: { rejected, sent }, lost: rejected };
  }

  #tell(trouble: Trouble | undefined): void {
    if (trouble === undefined) {
      // Of the same level as its beginning, so that no level of the log has one without the other.
      if (this.#trouble) this.#log.warn({ lost: this.#lost }, "traces are exported again");
      this.#trouble = undefined;
      this.#lost = 0;
      return;
    }
    this.#lost += trouble.lost;
    if (trouble.message === this.#trouble) return;
    this.#trouble = trouble.message;
    this.#log.warn(trouble.facts, trouble.message);
  }
}

/** What Node calls the trouble, or the status; never the error's own text, which quotes what the collector answered. */
function whyFailed(error: Error | undefined, status: number | undefined): string {
  const code: unknown = error && "code" in error ? error.code : undefined;
  if (typeof code === "string") return code;
  if (typeof code === "number") return `HTTP ${code}`;
  if (status === undefined) return "no answer in time";
  return status > 299 ? `HTTP ${status}` : "answered at more length than a collector does";
}
