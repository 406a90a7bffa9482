/** The starter is written from the schema; this holds it to its promise that nothing is missing in it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { gatewayConfigSchema } from "./gateway-schema.ts";
import { keyVariables, loadGatewayConfig } from "./load-gateway-config.ts";
import { starterConfig, starterVariables } from "./starter-config.ts";

const directory = mkdtempSync(join(tmpdir(), "openclaw-starter-"));
afterAll(() => rmSync(directory, { recursive: true }));

const KEYS = Object.fromEntries(starterVariables().map((name) => [name, `key of ${name}`]));

function load(text: string) {
  const path = join(directory, "gateway.config.json");
  writeFileSync(path, text);
  return loadGatewayConfig({ ...KEYS, GATEWAY_CONFIG: path });
}

/** `pool.warm`, `providers.*.model`: every field of the schema, sections included. */
function fieldsIn(schema: unknown, path = ""): string[] {
  const { properties = {}, additionalProperties } = schema as z.core.JSONSchema.JSONSchema;
  const inner =
    typeof additionalProperties === "object" ? fieldsIn(additionalProperties, path) : [];
  const own = Object.entries(properties).flatMap(([name, field]) => [
    `${path}${name}`,
    ...fieldsIn(field, `${path}${name}.`),
  ]);
  return [...own, ...inner];
}

test("with its variables set it loads, and means what having no file means", () => {
  expect(starterVariables()).toContain("NVIDIA1_API_KEY");
  expect(load(starterConfig())).toEqual(loadGatewayConfig(KEYS));
});

test("what is commented out has the value that it shows", () => {
  const shown = starterConfig().replace(/^( *)\/\/ ("\w+": (?!\.\.\.).*,)$/gm, "$1$2");
  expect(shown).toMatch(/^ *"connectMs": 10000,$/m);
  expect(load(shown)).toEqual(loadGatewayConfig(KEYS));
});

test("every field of the schema is named in it, with its description", () => {
  const starter = starterConfig();
  const fields = fieldsIn(z.toJSONSchema(gatewayConfigSchema, { io: "input" }));
  expect(fields).toEqual(expect.arrayContaining(["providers", "providers.pool.warm"]));
  const named = new Set([...starter.matchAll(/"(\w+)":/g)].map((match) => match[1]));
  expect(fields.filter((field) => !named.has(field.split(".").at(-1) ?? ""))).toEqual([]);
  expect(starter).toContain(
    "// Spare sockets one worker keeps open and ready. 0 to 256. Default: 4.",
  );
});

test("no line of it is too long to read, and no key is in it", () => {
  const lines = starterConfig().split("\n");
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(lines.filter((line) => line.includes('"apiKey": "')).length).toBeGreaterThan(0);
  expect(lines.filter((line) => /"apiKey": "(?!\$\{\w+\}",)/.test(line))).toEqual([]);
});

test("the variables of each key are known, and none of a key that is spelled out", () => {
  const provider = { kind: "openai", baseUrl: "http://127.0.0.1:1", model: "m" };
  const path = join(directory, "keys.json");
  const providers = {
    a: { ...provider, apiKey: "${A_ID}.${A_SECRET}" },
    b: { ...provider, apiKey: "spelled-out" },
    c: provider,
  };
  writeFileSync(path, JSON.stringify({ providers }));
  expect(Object.fromEntries(keyVariables({ GATEWAY_CONFIG: path }))).toEqual({
    a: ["A_ID", "A_SECRET"],
    b: [],
    c: [],
  });
  expect(keyVariables({ ZHIPU_API_KEY: "z" }).get("zhipu")).toEqual(["ZHIPU_API_KEY"]);
});
