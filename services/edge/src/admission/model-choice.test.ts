import { parseGatewayConfig } from "@openclaw/config";
import { expect, test } from "vitest";
import { namedModels, providerFor } from "./model-choice.ts";

const provider = (model: string) => ({ kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model });
const gateway = parseGatewayConfig(
  {
    providers: { one: provider("small"), two: provider("org/big"), three: provider("org/big") },
    groups: { pair: ["two", "three"] },
    models: { "gpt-4o": "pair", one: "two" },
    defaultProvider: "three",
  },
  { source: "test", env: {} },
);

test.each([
  ["two", "two"],
  ["pair", "pair"],
  ["auto", "auto"],
  ["gpt-4o", "pair"],
  ["one/small", "one"],
  ["two/org/big", "two"],
  ["small", "one"],
])("a client that asks for %s is answered by %s", (model, name) => {
  expect(providerFor(model, gateway)).toBe(name);
});

test("the operator's `models` go before a provider's own name", () => {
  expect(providerFor("one", gateway)).toBe("two");
});

test("of several providers of a model the default is asked, if it is one of them", () => {
  expect(providerFor("org/big", gateway)).toBe("three");
});

test.each(["gpt-5", "one/org/big", "", "toString", "two/"])("%j is an unknown name", (model) => {
  expect(providerFor(model, gateway)).toBeUndefined();
});

test("every name is listed once", () => {
  expect([...namedModels(gateway).keys()]).toEqual([
    "one",
    "two",
    "three",
    "auto",
    "pair",
    "gpt-4o",
  ]);
});
