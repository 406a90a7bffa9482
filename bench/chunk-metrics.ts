/**
 * What measuring costs for each chunk in a worker. It takes the way from the provider's bytes to the append in Redis,
 * without meters and with them.
 */
import { Metrics } from "@openclaw/metrics";
import { ProviderError } from "../services/worker/src/provider/contract/provider-error.ts";
import { AnswerReader } from "../services/worker/src/provider/decode/answer-reader.ts";
import { dialectOf } from "../services/worker/src/provider/dialects/dialect-of.ts";
import {
  ProviderMeters,
  type RequestMeter,
} from "../services/worker/src/telemetry/provider-meter.ts";
import { RunWriter } from "../shared/stream/src/run-writer.ts";

const CHUNKS = 200_000;
const ROUNDS = 9;
/** Chunks that gather during one append call of a busy worker. */
const BATCH = 8;

const choice = { index: 0, delta: { content: "some words " }, finish_reason: null };
const chunk = Buffer.from(
  `data: ${JSON.stringify({ id: "1", model: "m", choices: [choice] })}\n\n`,
);

function relay(meter: RequestMeter | undefined): void {
  const fail = (code: ProviderError["code"]) => new ProviderError(code, { provider: "bench" });
  const reader = new AnswerReader({ dialect: dialectOf("openai"), fail });
  const writer = new RunWriter({
    runId: "r",
    epoch: 1,
    orphanGraceMs: 10_000,
    onLost: () => undefined,
    onPending: () => undefined,
  });
  for (let n = 0; n < CHUNKS; n += 1) {
    for (const event of reader.push(chunk)) {
      meter?.see(event);
      if (event.type === "text") writer.write(event);
    }
    if (n % BATCH > 0) continue;
    writer.settle(writer.take({ entries: 32, bytes: 128 * 1024, isPublished: () => true }), {
      outcome: "appended",
      listeners: 1,
    });
  }
}

/** Nanoseconds a chunk; the best of several rounds, as everything else only adds. */
function time(work: () => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const beganAt = performance.now();
    work();
    return ((performance.now() - beganAt) * 1e6) / CHUNKS;
  });
  return Math.round(Math.min(...rounds));
}

const provider = { model: "m", region: "overseas" } as const;
const gateway = { current: { providers: { bench: provider }, targets: {} } };
const metrics = new Metrics({ kind: "worker", gateway });
const meter = new ProviderMeters(metrics).of("bench");
const plain = new Metrics({ kind: "worker", gateway, node: false }).histogram(
  "gen_ai_client_operation_time_per_output_chunk_seconds",
);

relay(undefined);
relay(meter.begin());
const without = time(() => relay(undefined));
const withMeter = time(() => relay(meter.begin()));
const observed = time(() => {
  for (let n = 0; n < CHUNKS; n += 1) plain.observe({ provider: "bench" }, 0.02);
});
console.log(`relaying a chunk            ${without} ns`);
console.log(`the same, measured          ${withMeter} ns`);
console.log(`one observation, prom-client ${observed} ns (not used for chunks)`);
