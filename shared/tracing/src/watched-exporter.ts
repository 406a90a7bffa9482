import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { TracingOptions } from "./tracing.ts";

/**
 * Says once that the collector takes nothing, and once that it takes spans again. What is lost in between is
 * lost: the queue in front of this is bounded, and no run waits for it.
 */
export class WatchedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: TracingOptions["log"];
  #isFailing = false;
  #lost = 0;

  constructor(exporter: SpanExporter, log: TracingOptions["log"]) {
    this.#exporter = exporter;
    this.#log = log;
  }

  /** Whether what was sent last did not arrive. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.#arrived();
      else this.#failed(spans.length, result.error);
      onResult(result);
    });
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  #arrived(): void {
    if (this.#isFailing) this.#log.info({ lost: this.#lost }, "traces are exported again");
    this.#isFailing = false;
    this.#lost = 0;
  }

  #failed(spans: number, error: Error | undefined): void {
    this.#lost += spans;
    if (this.#isFailing) return;
    this.#isFailing = true;
    // Not the error itself: it quotes what the collector answered.
    this.#log.warn({ code: codeOf(error) }, "traces cannot be exported");
  }
}

/** An HTTP status, or what Node calls the trouble. */
function codeOf(error: Error | undefined): string | number {
  const code: unknown = error && "code" in error ? error.code : undefined;
  return typeof code === "string" || typeof code === "number" ? code : (error?.name ?? "unknown");
}
