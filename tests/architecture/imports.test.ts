/** Which imports are allowed: the folder layout is only worth something if the imports follow it. */
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { isShipped, ROOT, type SourceFile, sourcesOf } from "./sources.ts";

const packages = ["shared", "services"]
  .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`))
  .concat("tests/smoke");
const files = sourcesOf(...packages);
const shipped = files.filter(isShipped);

/** `@openclaw/stream/x` → `@openclaw/stream`; undefined for relative paths and Node's own modules. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || isBuiltin(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function offenders(
  of: readonly SourceFile[],
  isWrong: (file: SourceFile, name: string) => boolean,
) {
  return of.flatMap((file) =>
    file.imports
      .map(packageOf)
      .filter((name) => name !== undefined)
      .filter((name) => isWrong(file, name))
      .map((name) => `${file.path} imports ${name}`),
  );
}

const serviceNames = readdirSync(join(ROOT, "services")).map((name) => `@openclaw/${name}`);

test("the reader of this test sees the imports it is about", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap(({ imports }) => imports)).toContain("@openclaw/stream");
});

test("no service imports a service, and nothing shared does", () => {
  expect(offenders(files, (_, name) => serviceNames.includes(name))).toEqual([]);
});

test("no relative import leaves its package", () => {
  const leaving = files.flatMap(({ path, imports }) => {
    const home = path.split("/").slice(0, 2).join("/");
    return imports
      .filter((specifier) => specifier.startsWith("."))
      .filter((specifier) => !join(dirname(path), specifier).startsWith(home))
      .map((specifier) => `${path} imports ${specifier}`);
  });
  expect(leaving).toEqual([]);
});

test("protocol imports only the schema library", () => {
  const protocol = shipped.filter(({ path }) => path.startsWith("shared/protocol/"));
  const imported = protocol.flatMap(({ imports }) =>
    imports.filter((name) => !name.startsWith(".")),
  );
  expect(new Set(imported)).toEqual(new Set(["zod"]));
});

test("what ships never imports what is for tests", () => {
  expect(
    offenders(shipped, (_, name) => name === "@openclaw/testing" || name === "vitest"),
  ).toEqual([]);
});

describe("each dependency has one home", () => {
  test.each([
    ["uWebSockets.js", ["services/edge/src/socket/", "services/edge/src/http/"]],
    ["bullmq", ["shared/queue/"]],
    ["ioredis", ["shared/queue/", "shared/stream/", "shared/runtime/"]],
    ["undici", ["services/worker/src/provider/"]],
    ["prom-client", ["shared/metrics/"]],
    ["pino", ["shared/runtime/"]],
    ["msgpackr", ["shared/stream/"]],
    ["@opentelemetry/", ["shared/tracing/"]],
  ])("%s", (dependency, homes) => {
    const strays = offenders(
      shipped,
      ({ path }, name) =>
        (dependency.endsWith("/") ? name.startsWith(dependency) : name === dependency) &&
        !homes.some((home) => path.startsWith(home)),
    );
    expect(strays).toEqual([]);
  });
});

test("uWebSockets.js is loaded in one place, which tells it first how long a head may be", () => {
  const loaders = files
    .filter(({ text }) => /^import (?!type)[^;]*from "uWebSockets\.js"|import\("uWeb/m.test(text))
    .map(({ path }) => path);
  expect(loaders).toEqual(["services/edge/src/socket/uws.ts"]);
});

test("process.env is read in config.ts alone", () => {
  const readers = shipped
    // Variables that are set there are for libraries.
    .filter(({ text }) => /\bprocess\.env\b(?!\.\w+ = )/.test(text))
    .map(({ path }) => path)
    .filter((path) => !path.endsWith("/config.ts"));
  expect(readers).toEqual([]);
});

test("signals are handled in shared/runtime alone", () => {
  const handlers = shipped
    .filter(({ text }) => /process\.(on|once)\(\s*["']SIG/.test(text))
    .map(({ path }) => path)
    .filter((path) => !path.startsWith("shared/runtime/"));
  expect(handlers).toEqual([]);
});

test.each(packages)("%s declares exactly the packages it imports", (name) => {
  const manifest = JSON.parse(readFileSync(join(ROOT, name, "package.json"), "utf8"));
  const own = files.filter(({ path }) => path.startsWith(`${name}/src/`));
  const imported = own
    .filter(({ path }) => !path.endsWith(".test.ts") && !path.includes("/testing/"))
    .concat(name === "shared/testing" ? own : [])
    .flatMap(({ imports }) => imports.map(packageOf))
    .filter((dependency) => dependency !== undefined && !["vitest"].includes(dependency));
  expect(new Set(Object.keys(manifest.dependencies ?? {}))).toEqual(new Set(imported));
});
