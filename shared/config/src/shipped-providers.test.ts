import { expect, test } from "vitest";
import { parseGatewayConfig } from "./gateway-config.ts";
import { shippedConfig } from "./shipped-providers.ts";

const firstTokenMs = (env: Record<string, string>) => {
  const { providers } = parseGatewayConfig(shippedConfig(env), { source: "shipped", env });
  return Object.values(providers).map(({ timeouts }) => timeouts.firstTokenMs);
};

test("a shipped provider that others stand in for is given up on after 10 s without a token", () => {
  const waits = firstTokenMs({ NVIDIA1_API_KEY: "a", ZHIPU_API_KEY: "b", HUNYUAN_API_KEY: "c" });
  expect(waits).toEqual([10_000, 10_000, 10_000]);
});

test("one that nobody stands in for is waited for longer", () => {
  expect(firstTokenMs({ ZHIPU_API_KEY: "b" })).toEqual([20_000]);
});
