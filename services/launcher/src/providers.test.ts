import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadGatewayConfig } from "@openclaw/config";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planProviders, writeSimulatedConfig } from "./providers.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "launcher-providers-"));
});

afterEach(() => rm(directory, { recursive: true }));

describe("provider plan", () => {
  test("lists every problem of a bad configuration file, and no value of it", async () => {
    const path = join(directory, "bad.json");
    const provider = { kind: "openai", baseUrl: "ftp://x", apiKey: "${NO_SUCH_KEY}", model: "" };
    await writeFile(path, JSON.stringify({ providers: { one: provider }, defaultProvider: "two" }));
    expect(() => planProviders({ GATEWAY_CONFIG: path })).toThrow(
      expect.objectContaining({
        code: "invalid_config",
        problems: [
          expect.stringContaining("NO_SUCH_KEY is not set"),
          expect.stringContaining("baseUrl: must be an http or https URL"),
          expect.stringContaining("providers.one.model"),
          'defaultProvider: "two" is no provider and no group; there are: one, auto',
        ],
      }),
    );
  });

  test("a configuration file is used as it is, keys or not", async () => {
    const path = join(directory, "own.json");
    const own = { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m" };
    await writeFile(path, JSON.stringify({ providers: { own } }));
    const usual = { maxConcurrency: 32, pool: { connections: 32 } };
    expect(planProviders({ GATEWAY_CONFIG: path, ZHIPU_API_KEY: "k" })).toEqual({
      simulated: false,
      file: path,
      shown: [{ name: "own", model: "m", simulated: false, isDefault: true, ...usual }],
      leftOut: [],
      groups: [],
    });
  });

  test("the simulated configuration is valid, private, and points each name at the simulator", async () => {
    const path = await writeSimulatedConfig(directory, "http://127.0.0.1:4321");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { providers, defaultProvider } = loadGatewayConfig({ GATEWAY_CONFIG: path });
    expect(Object.keys(providers)).toEqual(["nvidia1", "nvidia2", "zhipu", "hunyuan"]);
    expect(defaultProvider).toBe("nvidia2");
    expect(providers.zhipu).toMatchObject({
      kind: "zhipu",
      baseUrl: "http://127.0.0.1:4321/zhipu/v1",
      region: "domestic",
      simulated: true,
      maxConcurrency: 32,
      pool: { connections: 32 },
    });
    expect(await readFile(path, "utf8")).not.toContain("${");
  });
});
