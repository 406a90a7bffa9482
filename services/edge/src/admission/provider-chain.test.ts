import { parseGatewayConfig, type RequestParameters } from "@openclaw/config";
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
const guided = { extra: { guided_json: { type: "object" } } };
const chain = (name: string, wishes: RequestParameters) =>
  chainOf(name, wishes, { gateway, choice });

test("a provider that leaves a field out answers behind the providers that take it", () => {
  expect(chain("both", {})).toEqual(["glm", "local"]);
  expect(chain("both", seeded)).toEqual(["local", "glm", "nim"]);
  expect(chain("local", seeded)).toEqual(["local", "glm", "nim"]);
  expect(chain("both", { extra: { top_k: 40 } })).toEqual(["local", "glm", "nim"]);
});

test("a provider that does not take a field that shapes the answer is not asked", () => {
  expect(chain("both", guided)).toEqual(["local", "nim"]);
  expect(chain("local", guided)).toEqual(["local", "nim"]);
  expect(chain("local", { options: { stop: ["a", "b"] } })).toEqual(["local", "nim"]);
  expect(chain("local", { extra: { foo: 1 } })).toEqual(["local"]);
});

test("a request that no provider asked for can heed is refused with the reason", () => {
  expect(chainRefusal("both", seeded, gateway)).toBeUndefined();
  const reason = "was given; glm is not known to take it.";
  expect(chainRefusal("glm", seeded, gateway)).toMatchObject({
    code: "invalid_request",
    message: `\`seed\` ${reason}`,
    problem: { field: "seed", reason },
  });
  expect(chainRefusal("glm", guided, gateway)).toMatchObject({ problem: { field: "guided_json" } });
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
