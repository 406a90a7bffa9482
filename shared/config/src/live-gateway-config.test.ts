import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@openclaw/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GatewayConfigWatch } from "./gateway-config-watch.ts";
import { LiveGatewayConfig, type Reload } from "./live-gateway-config.ts";
import { keyVariables } from "./load-gateway-config.ts";

const LOCAL = { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m", apiKey: "secret-1" };

const problemsOf = (reload: Reload) => (reload.outcome === "refused" ? reload.problems : []);

let directory: string;
let path: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "live-config-"));
  path = join(directory, "gateway.config.json");
  env = { GATEWAY_CONFIG: path };
  await write({ providers: { a: LOCAL, b: LOCAL } });
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function write(contents: unknown): Promise<void> {
  await writeFile(path, typeof contents === "string" ? contents : JSON.stringify(contents));
}

describe("reading again", () => {
  test("takes a change over, names what differs, and tells whoever wants to know", async () => {
    const live = new LiveGatewayConfig(env);
    const seen: string[] = [];
    live.onChange(() => seen.push(live.current.defaultProvider));
    await write({ providers: { b: { ...LOCAL, model: "n" }, c: LOCAL } });
    expect(live.reload()).toEqual({
      outcome: "changed",
      changes: { added: ["c"], changed: ["b"], removed: ["a"] },
    });
    expect(live.current.providers.b?.model).toBe("n");
    expect(seen).toEqual(["b"]);
  });

  test("finds no change where the same is only written differently", async () => {
    const live = new LiveGatewayConfig(env);
    const before = live.current;
    live.onChange(() => expect.fail("nothing changed"));
    const { model, ...rest } = LOCAL;
    const same = { ...rest, region: "overseas", model };
    await write(JSON.stringify({ providers: { a: same, b: LOCAL } }, undefined, 4));
    expect(live.reload()).toEqual({ outcome: "unchanged" });
    expect(live.current).toBe(before);
  });

  test("takes a file with a byte order mark, at the start and again, with the columns right", async () => {
    const text = (model: string) =>
      `\uFEFF${JSON.stringify({ providers: { a: { ...LOCAL, model } } })}`;
    await write(text("m"));
    const live = new LiveGatewayConfig(env);
    await write(text("n"));
    expect(live.reload()).toMatchObject({ outcome: "changed", changes: { changed: ["a"] } });
    expect(keyVariables(env)).toEqual(new Map([["a", []]]));
    await write("\uFEFF{ nonsense }");
    const [problem] = problemsOf(live.reload());
    expect(problem).toMatch(/^the file is not JSON at line 1, column 3: /);
  });

  test.each(["utf16le", "utf16be"] as const)(
    "says of a file in %s what is wrong with it",
    async (encoding) => {
      const text = Buffer.from('\uFEFF{"providers": {}}', "utf16le");
      await writeFile(path, encoding === "utf16le" ? text : text.swap16());
      expect(() => new LiveGatewayConfig(env)).toThrow(
        /: *\n.*the file is UTF-16: save it as UTF-8$/,
      );
    },
  );

  test("refuses a bad file with every problem and no value, and keeps the one before", async () => {
    const live = new LiveGatewayConfig(env);
    const before = live.current;
    live.onChange(() => expect.fail("nothing changed"));
    const bad = { ...LOCAL, kind: "secret-2", baseUrl: "secret-3", apiKey: "${NOT_SET}" };
    await write({ providers: { a: { ...bad, fallback: ["z"] }, b: { ...LOCAL, retreis: 3 } } });
    const reload = live.reload();
    expect(reload).toEqual({
      outcome: "refused",
      problems: [
        "providers.a.apiKey: the environment variable NOT_SET is not set",
        expect.stringContaining("providers.a.kind"),
        "providers.a.baseUrl: must be an http or https URL",
        expect.stringContaining("providers.b"),
        expect.stringContaining("providers.a.fallback"),
      ],
    });
    expect(JSON.stringify(reload)).not.toContain("secret");
    expect(live.current).toBe(before);
  });

  test("refuses a file that is no JSON, or gone: it does not fall back on shipped providers", async () => {
    const live = new LiveGatewayConfig({ ...env, ZHIPU_API_KEY: "z" });
    await write('{"providers": {');
    expect(live.reload()).toMatchObject({
      outcome: "refused",
      problems: [expect.stringContaining("not JSON")],
    });
    await rm(path);
    expect(live.reload()).toMatchObject({
      outcome: "refused",
      problems: [expect.stringContaining("ENOENT")],
    });
    expect(Object.keys(live.current.providers)).toEqual(["a", "b"]);
  });
});

describe("a process that watches its configuration", () => {
  const lines: Record<string, unknown>[] = [];
  const said = (msg: string) => lines.filter((line) => line.msg === msg);
  let watching: GatewayConfigWatch | undefined;

  async function watch(live: LiveGatewayConfig): Promise<void> {
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const log = createLogger({ service: "test", level: "info" }, destination);
    watching = new GatewayConfigWatch({ gateway: live, log });
    await watching.start();
  }

  afterEach(async () => {
    await watching?.stop();
    lines.length = 0;
  });

  const eventually = (condition: () => boolean) =>
    vi.waitUntil(condition, { timeout: 1_500, interval: 5 });

  test("takes over what its file says, and says so without a value", async () => {
    const live = new LiveGatewayConfig(env);
    await watch(live);
    await write({ providers: { a: { ...LOCAL, apiKey: "secret-2" }, b: LOCAL } });
    await eventually(() => said("configuration reloaded").length === 1);
    expect(said("configuration reloaded")).toMatchObject([
      { cause: "file", added: [], changed: ["a"], removed: [] },
    ]);
    expect(live.current.providers.a?.apiKey).toBe("secret-2");
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  test("takes over what was written before it began to watch", async () => {
    const live = new LiveGatewayConfig(env);
    await write({ providers: { c: LOCAL } });
    await watch(live);
    expect(Object.keys(live.current.providers)).toEqual(["c"]);
  });

  test("reads again on SIGHUP, which does not end it", async () => {
    await watch(new LiveGatewayConfig(env));
    process.kill(process.pid, "SIGHUP");
    await eventually(() => said("configuration unchanged").length === 1);
  });

  test("without a file says on SIGHUP that there is nothing to read", async () => {
    // Where the tests run there is no file of the usual name.
    const live = new LiveGatewayConfig({ ZHIPU_API_KEY: "z" });
    await watch(live);
    process.kill(process.pid, "SIGHUP");
    await eventually(() => lines.length === 1);
    expect(lines).toMatchObject([
      { msg: "configuration not from a file, nothing to reload", cause: "SIGHUP" },
    ]);
  });
});
