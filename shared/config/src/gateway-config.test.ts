import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseGatewayConfig } from "./gateway-config.ts";
import { loadGatewayConfig } from "./load-gateway-config.ts";
import { ConfigError } from "./problem.ts";

const PROVIDER = { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m" };

function parse(input: unknown, env: NodeJS.ProcessEnv = {}) {
  return parseGatewayConfig(input, { source: "test.json", env });
}

/** A file that is gone when the test is over. */
function write(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "gateway.config.json");
  writeFileSync(path, text);
  return path;
}

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("a configuration file", () => {
  test("needs no more than kind, baseUrl and model; the first provider is the default", () => {
    const config = parse({ providers: { mine: PROVIDER, other: PROVIDER } });
    expect(config.defaultProvider).toBe("mine");
    expect(config.providers.mine).toMatchObject({
      region: "overseas",
      maxConcurrency: 32,
      pool: { warm: 4 },
      timeouts: { connectMs: 10_000 },
      simulated: false,
    });
    expect(config.targets.domestic).toEqual({ firstTextMs: 1_000, fullMs: 3_000 });
    expect(config.targets.overseasCold).toEqual({ firstTextMs: 8_000, fullMs: 10_000 });
  });

  test("takes text from the environment", () => {
    const config = parse(
      { providers: { mine: { ...PROVIDER, apiKey: "${KEY}" } } },
      { KEY: "s3cret" },
    );
    expect(config.providers.mine?.apiKey).toBe("s3cret");
  });

  test("is refused with every problem at once, each with its path, once", () => {
    const problems = problemsOf(() =>
      parse({
        providers: {
          a: { kind: "foo", baseUrl: "${NOPE}", pool: { warm: -1 }, fallback: ["c"] },
          "Bad Name": PROVIDER,
        },
        defaultProvider: "b",
        extra: 1,
      }),
    );
    expect(problems).toEqual([
      "providers.a.baseUrl: the environment variable NOPE is not set",
      expect.stringMatching(/^providers\.a\.kind: /),
      "providers.a.model: is missing",
      expect.stringMatching(/^providers\.a\.pool\.warm: /),
      expect.stringMatching(/"extra"/),
      'defaultProvider: "b" is no provider and no group; there are: a, Bad Name, auto',
      expect.stringMatching(/^providers\.a\.fallback: "c" is no other provider/),
      expect.stringMatching(/^providers\.Bad Name: a name must be 1 to 32/),
    ]);
  });

  test("groups name providers, and auto all of them, unless it is named", () => {
    const providers = { a: PROVIDER, b: PROVIDER, c: PROVIDER };
    expect(parse({ providers }).groups).toEqual({ auto: ["a", "b", "c"] });
    const groups = { auto: ["a"], pair: ["b", "c"] };
    const config = parse({ providers, groups, defaultProvider: "pair" });
    expect([config.groups, config.defaultProvider]).toEqual([groups, "pair"]);
    expect(
      problemsOf(() =>
        parse({ providers: { auto: PROVIDER, a: PROVIDER }, groups: { a: ["x"], B: ["a"] } }),
      ),
    ).toEqual([
      "groups.a: is the name of a provider",
      'groups.a: "x" is no provider; there are: auto, a',
      "groups.B: a name must be 1 to 32 of a-z 0-9 -, beginning with a letter",
      'providers.auto: "auto" stands for all providers and cannot be one',
    ]);
  });

  test("maps models to providers and groups, and to nobody else", () => {
    const providers = { mine: PROVIDER };
    const models = { "gpt-4o": "auto", "some/model": "mine" };
    expect(parse({ providers, models }).models).toEqual(models);
    expect(parse({ providers }).models).toEqual({});
    expect(problemsOf(() => parse({ providers, models: { "gpt-4o": "yours" } }))).toEqual([
      'models.gpt-4o: "yours" is no provider and no group; there are: mine, auto',
    ]);
  });

  test("refuses the address of the completions themselves", () => {
    const baseUrl = "http://127.0.0.1:1/v1/chat/completions";
    expect(problemsOf(() => parse({ providers: { a: { ...PROVIDER, baseUrl } } }))).toEqual([
      "providers.a.baseUrl: must end before /chat/completions, which is added to it",
    ]);
  });

  test("is refused where the default is no provider, or there is none", () => {
    expect(problemsOf(() => parse({ providers: { a: PROVIDER }, defaultProvider: "b" }))).toEqual([
      'defaultProvider: "b" is no provider and no group; there are: a, auto',
    ]);
    expect(problemsOf(() => parse({ providers: {} }))).toEqual([
      "providers: must name at least one provider",
    ]);
  });

  test("never shows a key in its errors", () => {
    const secret = "nvapi-very-secret";
    const error = problemsOf(() =>
      parse({ providers: { a: { apiKey: secret, baseUrl: secret } } }),
    );
    expect(error.length).toBeGreaterThan(0);
    expect(error.join()).not.toContain(secret);
  });

  test("may have comments, and a comma behind the last item", () => {
    const path = write(`// Ours.
      {"providers": {"mine": {
        "kind": "openai", /* a local server */
        "baseUrl": "http://127.0.0.1:1/v1", // "//" in a text is no comment
        "model": "m",
      }}}`);
    expect(loadGatewayConfig({ GATEWAY_CONFIG: path }).providers.mine).toMatchObject({
      baseUrl: "http://127.0.0.1:1/v1",
      model: "m",
    });
  });

  test("that is no JSON is refused with the place of each problem, without quoting it", () => {
    const text = '{"providers": {\n  "a": {"apiKey": "nvapi-very-secret" oops},\n  "b" {}';
    const problems = problemsOf(() => loadGatewayConfig({ GATEWAY_CONFIG: write(text) }));
    expect(problems).toEqual([
      "the file is not JSON at line 2, column 39: this is no JSON value (text stands in double quotes)",
      "the file is not JSON at line 3, column 7: a colon is missing",
    ]);
  });

  test("that is missing is named", () => {
    expect(() => loadGatewayConfig({ GATEWAY_CONFIG: "/nowhere/x.json" })).toThrow(
      /\/nowhere\/x\.json[\s\S]*ENOENT/,
    );
  });

  test("lets only those continue a partial answer whose API can", () => {
    const on = { ...PROVIDER, continueFromPartial: true };
    const at = (baseUrl: string) => ({ ...on, baseUrl });
    const config = parse({
      providers: { a: on, b: at("https://api.deepseek.com/beta"), c: PROVIDER },
    });
    expect(Object.values(config.providers).map((one) => one.continueFromPartial)).toEqual([
      true,
      true,
      false,
    ]);
    const problems = problemsOf(() =>
      parse({
        providers: {
          ...Object.fromEntries(
            ["nvidia", "zhipu", "tencent"].map((kind) => [kind, { ...on, kind }]),
          ),
          official: at("https://api.openai.com/v1"),
          azure: at("https://mine.openai.azure.com/openai/v1"),
          mistral: at("https://api.mistral.ai/v1"),
          off: { ...PROVIDER, kind: "zhipu", continueFromPartial: false },
        },
      }),
    );
    expect(problems.map((problem) => problem.split(": ")[0])).toEqual(
      ["nvidia", "zhipu", "tencent", "official", "azure", "mistral"].map(
        (name) => `providers.${name}.continueFromPartial`,
      ),
    );
    expect(problems[0]).toMatch(/kind "nvidia" cannot continue a partial answer/);
  });

  test("lets an operator add fields to every request, but none that the gateway relies upon", () => {
    const extraBody = { top_k: 20, stream_options: null, nvext: { a: "${SALT}" } };
    const { providers } = parse(
      { providers: { a: { ...PROVIDER, extraBody } } },
      { SALT: "pepper" },
    );
    expect(providers.a?.extraBody).toEqual({ ...extraBody, nvext: { a: "pepper" } });
    const answers = { n: 2, best_of: 2, num_return_sequences: 2, n_cmpl: 2 };
    const own = { model: "other", messages: [], stream: false, ...answers, tools: [], top_k: 1 };
    const problems = problemsOf(() => parse({ providers: { a: { ...PROVIDER, extraBody: own } } }));
    expect(problems).toEqual(
      ["model", "messages", "stream", ...Object.keys(answers), "tools"].map(
        (name) => `providers.a.extraBody.${name}: is the gateway's own to set`,
      ),
    );
  });
});

describe("without a configuration file", () => {
  test("the shipped providers whose key is set are there", () => {
    const config = loadGatewayConfig({ ZHIPU_API_KEY: "z", NVIDIA2_API_KEY: "n" });
    expect(Object.keys(config.providers)).toEqual(["nvidia2", "zhipu"]);
    expect(config.defaultProvider).toBe("nvidia2");
    expect(config.providers.zhipu).toMatchObject({
      kind: "zhipu",
      region: "domestic",
      apiKey: "z",
    });
  });

  test("without any key, the simulator that the environment names answers for each of them", () => {
    const env = { GATEWAY_SIMULATOR_URL: "http://simulator:8009/" };
    const { providers, defaultProvider } = loadGatewayConfig(env);
    expect(Object.keys(providers)).toEqual(["nvidia1", "nvidia2", "zhipu", "hunyuan"]);
    expect(defaultProvider).toBe("nvidia2");
    expect(providers.zhipu).toMatchObject({
      baseUrl: "http://simulator:8009/zhipu/v1",
      simulated: true,
    });
    const withKey = loadGatewayConfig({ ...env, ZHIPU_API_KEY: "z" });
    expect(Object.values(withKey.providers).map(({ simulated }) => simulated)).toEqual([false]);
  });

  test("and without any key, the error says which variables would do", () => {
    expect(problemsOf(() => loadGatewayConfig({}))).toEqual([
      expect.stringMatching(/GATEWAY_CONFIG.*NVIDIA1_API_KEY.*HUNYUAN_API_KEY/),
    ]);
  });
});
