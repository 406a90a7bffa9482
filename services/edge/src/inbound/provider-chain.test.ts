import { parseGatewayConfig } from "@openclaw/config";
import { expect, test } from "vitest";
import { chainOf, chainRefusal } from "./provider-chain.ts";

const at = (kind: string, more: object = {}) => ({
  kind,
  baseUrl: "http://127.0.0.1:9/v1",
  model: "m",
  ...more,
});
const gateway = parseGatewayConfig(
  {
    providers: {
      glm: at("zhipu", { fallback: ["local"] }),
      local: at("openai", { fallback: ["glm", "nim"] }),
      nim: at("nvidia"),
    },
    groups: { both: ["glm", "local"] },
    defaultProvider: "local",
  },
  { source: "a test", env: {} },
);
const choice = { order: (members: readonly string[]) => [...members] };
const seeded = { passed: { seed: 7 } };

test("who cannot heed a passed field is skipped, as a member and as a fallback", () => {
  expect(chainOf("both", {}, { gateway, choice })).toEqual(["glm", "local"]);
  expect(chainOf("both", seeded, { gateway, choice })).toEqual(["local", "nim"]);
  expect(chainOf("local", seeded, { gateway, choice })).toEqual(["local", "nim"]);
});

test("a request that nobody of those asked can heed is refused with the reason", () => {
  expect(chainRefusal("both", seeded, gateway)).toBeUndefined();
  expect(chainRefusal("glm", seeded, gateway)).toMatchObject({
    code: "invalid_request",
    message: "`seed` was given; glm does not know it.",
    problem: { field: "seed", reason: "was given; glm does not know it." },
  });
});

test("a request that is known to be too long for a provider is asked of the others, if there are any", () => {
  const sized = parseGatewayConfig(
    {
      providers: {
        small: at("openai", { contextTokens: 8_000, fallback: ["tiny", "large", "unknown"] }),
        tiny: at("openai", { contextTokens: 4_000 }),
        large: at("openai", { contextTokens: 32_000 }),
        unknown: at("openai"),
        alone: at("openai", { contextTokens: 1_000, fallback: ["tiny"] }),
      },
    },
    { source: "a test", env: {} },
  );
  const chain = (asked: string, leastTokens: number) =>
    chainOf(asked, {}, { gateway: sized, choice, leastTokens });
  expect(chain("small", 4_000)).toEqual(["small", "tiny", "large", "unknown"]);
  expect(chain("small", 8_000)).toEqual(["small", "large", "unknown"]);
  expect(chain("small", 8_001)).toEqual(["large", "unknown"]);
  expect(chain("small", 100_000)).toEqual(["unknown"]);
  expect(chain("alone", 100_000)).toEqual(["alone", "tiny"]);
});
