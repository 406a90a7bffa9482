/** What `npm start` does first, in a checkout that it may not write to. */
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let checkout: string;

/** A checkout in which everything is as large as it must be: one package, built by a program of two lines. */
beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), "openclaw-bootstrap-"));
  await chmod(checkout, 0o755);
  await cp("scripts", join(checkout, "scripts"), { recursive: true });
  const files = {
    "package-lock.json": '{ "packages": {} }',
    "tsconfig.base.json": "{}",
    "turbo.json": "{}",
    "shared/one/package.json": "{}",
    "shared/one/tsconfig.build.json": "{}",
    "shared/one/src/index.ts": "",
    "services/README.md": "",
    "tests/smoke/package.json": "{}",
    "node_modules/turbo/bin/turbo":
      'require("fs").mkdirSync("shared/one/dist", { recursive: true });',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(checkout, path, ".."), { recursive: true });
    await writeFile(join(checkout, path), text);
  }
});

afterEach(async () => {
  await setRights(checkout, "u+w");
  await rm(checkout, { recursive: true, force: true });
});

async function setRights(path: string, rights: "a-w" | "u+w"): Promise<void> {
  const { mode } = await stat(path);
  await chmod(path, rights === "a-w" ? mode & ~0o222 : mode | 0o200);
  if (!(await stat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await setRights(join(path, name), rights);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function bootstrap(user: "owner" | "another", ...words: string[]): Promise<Ended> {
  // Root may write everywhere, so another user runs it.
  const someone = isRoot && user === "another" ? { uid: NOBODY, gid: NOBODY } : {};
  const script = join(checkout, "scripts", "bootstrap.mjs");
  const npm = { npm_config_registry: "http://127.0.0.1:1", npm_config_fetch_retries: "0" };
  const env = { PATH: process.env.PATH, REDIS_URL: "redis://127.0.0.1:1", ...npm };
  return await promisify(execFile)(process.execPath, [script, ...words], { env, ...someone }).then(
    (said) => ({ code: 0, ...said }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

test("a checkout that must be built and cannot be written to is one sentence, with what to do", async () => {
  await setRights(checkout, "a-w");
  const { code, stdout, stderr } = await bootstrap("another");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(
    `This checkout must be built, but ${checkout} cannot be written to (EACCES): ` +
      "run this as its owner, or in a copy of your own.\n",
  );
});

test.each([
  ["dist", ["shared", "one", "dist"]],
  [".run", [".run"]],
])("so is one whose %s alone is somebody else's, such as root's after a sudo", async (_, path) => {
  await mkdir(join(checkout, ...path));
  if (isRoot)
    for (const one of ["", "shared/one", ".run"]) {
      await chmod(join(checkout, one), 0o777).catch(() => undefined); // where it is not there
    }
  await chmod(join(checkout, ...path), 0o555);
  const { code, stderr } = await bootstrap("another");
  expect(code).toBe(1);
  expect(stderr).toContain(`but ${join(checkout, ...path)} cannot be written to (EACCES)`);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("one that is built needs no right to write, even where its packages were installed by hand", async () => {
  expect(await bootstrap("owner")).toMatchObject({ code: 0, stderr: "" });
  await rm(join(checkout, "node_modules", ".bootstrap-packages"));
  await setRights(checkout, "a-w");
  expect(await bootstrap("another")).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("newest client libraries that cannot be installed are told, and stop nothing", async () => {
  const name = "openclaw-no-such-package";
  const manifest = { dependencies: { [name]: "1.0.0" } };
  const packages = { "": manifest, [`node_modules/${name}`]: { version: "1.0.0" } };
  const newest = join(checkout, "tests", "clients", "newest");
  await mkdir(newest, { recursive: true });
  const files = {
    "package.json": { ...manifest, engines: { node: ">=22.18.0" } },
    "package-lock.json": { lockfileVersion: 3, packages },
  };
  for (const [path, content] of Object.entries(files)) {
    await writeFile(join(newest, path), JSON.stringify(content));
  }
  const { code, stdout, stderr } = await bootstrap("owner", "--clients");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("npm could not install the packages");
  expect(await bootstrap("owner")).toMatchObject({ code: 0, stdout: "" });
});
