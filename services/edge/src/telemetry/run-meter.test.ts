import { Metrics } from "@openclaw/metrics";
import { failure } from "@openclaw/protocol";
import { Scraped } from "@openclaw/testing";
import { beforeEach, describe, expect, test } from "vitest";
import type { EndedRun } from "../runs/ended-run.ts";
import { RunMeter } from "./run-meter.ts";

const TARGETS = {
  domestic: { firstTextMs: 1_000, fullMs: 3_000 },
  overseasWarm: { firstTextMs: 3_000, fullMs: 5_000 },
  overseasCold: { firstTextMs: 8_000, fullMs: 10_000 },
};
const gatewayOf = (...names: string[]) => ({
  providers: Object.fromEntries(
    names.map((name) => [
      name,
      { model: "m", region: name === "zhipu" ? "domestic" : "overseas" } as const,
    ]),
  ),
  targets: TARGETS,
});

let metrics: Metrics;
let meter: RunMeter;
let reload: (...names: string[]) => void;

beforeEach(() => {
  const listeners: (() => void)[] = [];
  const gateway = {
    current: gatewayOf("zhipu", "nvidia2"),
    onChange: (listener: () => void) => void listeners.push(listener),
  };
  reload = (...names) => {
    gateway.current = gatewayOf(...names);
    for (const listener of listeners) listener();
  };
  metrics = new Metrics({ kind: "edge", gateway, node: false });
  meter = new RunMeter(metrics, gateway);
});

const COMPLETED = {
  type: "completed",
  finish: "stop",
  usage: undefined,
  timings: { finishedMs: 1 },
} as const;

interface Ended {
  readonly provider?: string;
  readonly firstFrameMs?: number;
  readonly totalMs: number;
  readonly connection?: "warm" | "cold";
  readonly terminal?: EndedRun["terminal"];
  readonly edgePhases?: Partial<EndedRun["edgePhases"]>;
  readonly isStreamed?: boolean;
}

const UNSEEN = {
  acceptMs: undefined,
  waits: [],
  holds: [],
  toSocketMs: undefined,
  leftMs: undefined,
};

function end({ provider = "zhipu", connection, terminal = COMPLETED, ...ended }: Ended): void {
  const { edgePhases, isStreamed = true, ...phases } = ended;
  const attempt = { finishedMs: 1, pickUpMs: 2, ...(connection && { connection }) };
  meter.ended({
    runId: "r",
    session: "s",
    provider,
    chain: [provider],
    answeredBy: provider,
    model: "m",
    terminal,
    byEdge: false,
    attempts: 1,
    characters: 1,
    isStreamed,
    phases: { ...phases, attempt },
    edgePhases: { ...UNSEEN, ...edgePhases },
  });
}

const scrape = async () => new Scraped(await metrics.read());

/** How often a target was met and missed. */
async function judged(target: string, measure: string): Promise<[number, number]> {
  const seen = await scrape();
  const of = (met: string) => seen.sum("openclaw_target_runs_total", { target, measure, met });
  return [of("yes"), of("no")];
}

describe("targets", () => {
  test("exactly the target is met, a millisecond more is not", async () => {
    end({ firstFrameMs: 1_000, totalMs: 3_000, connection: "warm" });
    end({ firstFrameMs: 1_001, totalMs: 3_001, connection: "warm" });
    expect(await judged("domestic", "first_text")).toEqual([1, 1]);
    expect(await judged("domestic", "whole")).toEqual([1, 1]);
    const seen = await scrape();
    const within = { provider: "zhipu", le: "1" };
    expect(seen.sum("gen_ai_server_time_to_first_token_seconds_bucket", within)).toBe(1);
  });

  test("a cold connection has a longer target for an overseas provider only", async () => {
    end({ provider: "nvidia2", firstFrameMs: 7_000, totalMs: 9_000, connection: "cold" });
    end({ provider: "nvidia2", firstFrameMs: 7_000, totalMs: 9_000, connection: "warm" });
    end({ firstFrameMs: 7_000, totalMs: 9_000, connection: "cold" });
    expect(await judged("overseas_cold", "first_text")).toEqual([1, 0]);
    expect(await judged("overseas_warm", "first_text")).toEqual([0, 1]);
    expect(await judged("domestic", "first_text")).toEqual([0, 1]);
  });

  test("a failed run misses its targets; a run whose request was at fault does not count", async () => {
    const failed = (code: Parameters<typeof failure>[0]) =>
      ({ type: "failed", failure: failure(code), timings: undefined }) as const;
    end({ totalMs: 10, terminal: failed("queue_timeout") });
    end({ firstFrameMs: 10, totalMs: 20, terminal: failed("provider_cut") });
    end({ totalMs: 10, terminal: failed("content_filtered") });
    expect(await judged("domestic", "first_text")).toEqual([1, 1]);
    expect(await judged("domestic", "whole")).toEqual([0, 2]);
  });

  test("a user who leaves after the target was missed counts, a user who leaves before does not", async () => {
    const terminal = { type: "cancelled", reason: "client" } as const;
    end({ totalMs: 900, terminal });
    end({ totalMs: 1_100, terminal });
    end({ totalMs: 3_100, terminal });
    expect(await judged("domestic", "first_text")).toEqual([0, 2]);
    expect(await judged("domestic", "whole")).toEqual([0, 1]);
  });

  test("a run whose connection is unknown is compared with the warm target", async () => {
    const terminal = { type: "cancelled", reason: "client" } as const;
    end({ provider: "nvidia2", firstFrameMs: 5_000, totalMs: 6_000, terminal });
    expect(await judged("overseas_warm", "first_text")).toEqual([0, 1]);
    expect(await judged("overseas_cold", "first_text")).toEqual([0, 0]);
  });

  test("without streamed text, there is no target for the first text", async () => {
    end({ totalMs: 2_000, isStreamed: false });
    expect(await judged("domestic", "first_text")).toEqual([0, 0]);
    expect(await judged("domestic", "whole")).toEqual([1, 0]);
  });

  test("an answer without text is in time if its end is", async () => {
    end({ totalMs: 900 });
    end({ totalMs: 1_100 });
    expect(await judged("domestic", "first_text")).toEqual([1, 1]);
  });

  test("a client that went away counts only if the run was late by then", async () => {
    end({ totalMs: 2_000, edgePhases: { leftMs: 900 } });
    end({ totalMs: 2_000, edgePhases: { leftMs: 1_100 } });
    expect(await judged("domestic", "first_text")).toEqual([0, 1]);
    // The run still ended, and its time counts.
    expect(await judged("domestic", "whole")).toEqual([2, 0]);
    // Its client did not come back.
    const terminal = { type: "cancelled", reason: "disconnected" } as const;
    end({ totalMs: 30_000, terminal, edgePhases: { leftMs: 900 } });
    expect(await judged("domestic", "whole")).toEqual([2, 0]);
  });

  test("a new provider has its counts before its first run, and a removed provider has none", async () => {
    reload("zhipu", "hunyuan");
    const seen = await scrape();
    const count = { target: "overseas_cold", measure: "whole", met: "no" };
    expect(seen.sum("openclaw_target_runs_total", count)).toBe(0);
    expect(seen.values("provider")).toEqual(["hunyuan", "zhipu"]);
  });
});

test("the wait of a run counts for the provider that it waited for, less the time of its worker", async () => {
  const waits = [
    { provider: "nvidia2", since: 4, ms: 500 },
    { provider: "zhipu", since: 700, ms: 102 },
  ];
  end({ totalMs: 900, edgePhases: { acceptMs: 4, waits, toSocketMs: 0.5 } });
  const seen = await scrape();
  const phase = (name: string, provider: string) =>
    seen.sum("openclaw_run_phase_seconds_sum", { phase: name, provider });
  expect(phase("queue_wait", "nvidia2")).toBe(0.5);
  expect(phase("queue_wait", "zhipu")).toBeCloseTo(0.1);
  expect(phase("accept", "nvidia2")).toBe(0.004);
  expect(phase("edge_to_socket", "zhipu")).toBe(0.0005);
});
