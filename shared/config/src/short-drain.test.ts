import { expect, test } from "vitest";
import { type GatewayConfig, parseGatewayConfig } from "./gateway-config.ts";
import { warnOfShortDrain } from "./short-drain.ts";

function withTotals(totals: Record<string, number>): GatewayConfig {
  const providers = Object.fromEntries(
    Object.entries(totals).map(([name, totalMs]) => [
      name,
      { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m", timeouts: { totalMs } },
    ]),
  );
  return parseGatewayConfig({ providers }, { source: "test", env: {} });
}

test("a provider whose answers may take longer than the drain is warned of, once until that is mended", () => {
  const warned: unknown[] = [];
  let change: () => void = () => undefined;
  const gateway = {
    current: withTotals({ short: 120_000, long: 131_000 }),
    onChange(listener: () => void) {
      change = listener;
    },
  };
  const log = { warn: (facts: unknown) => void warned.push(facts) };
  const configure = (totals: Record<string, number>) => {
    gateway.current = withTotals(totals);
    change();
  };
  warnOfShortDrain({ gateway, setting: "WORKER_DRAIN_MS", drainMs: 130_000, log });
  const ofLong = {
    provider: "long",
    totalMs: 131_000,
    setting: "WORKER_DRAIN_MS",
    drainMs: 130_000,
  };
  expect(warned).toEqual([ofLong]);
  configure({ short: 130_000, long: 140_000 });
  expect(warned).toEqual([ofLong]);
  configure({ long: 130_000 });
  configure({ long: 131_000 });
  expect(warned).toEqual([ofLong, ofLong]);
});
