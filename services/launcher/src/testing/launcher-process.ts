/** The launcher as a process of its own, built from today's source, with services of our choice. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "@openclaw/runtime";
import { build } from "vite";
import { expect, vi } from "vitest";
import type { ServicePaths } from "../config.ts";
import { writeServices } from "./fake-service.ts";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const RECURSIVE = { recursive: true, force: true };
const ENTRIES = ["run-launcher.ts", "testing/runtime-service.ts"];

/** Inside the package, so that what is not bundled resolves from there. */
export async function makeWorkshop(): Promise<string> {
  await mkdir(join(PACKAGE, ".run"), { recursive: true });
  const workshop = await mkdtemp(join(PACKAGE, ".run", "test-"));
  await build({
    configFile: false,
    logLevel: "error",
    root: PACKAGE,
    ssr: { noExternal: [/^@openclaw\//], resolve: { conditions: ["source", "node", "import"] } },
    build: {
      ssr: true,
      outDir: workshop,
      target: "node20",
      rollupOptions: { input: ENTRIES.map((entry) => join(PACKAGE, "src", entry)) },
    },
  });
  await mkdir(join(workshop, "tmp"));
  return workshop;
}

export interface LauncherProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly exited: Promise<number | NodeJS.Signals | null>;
  /** Resolves once stdout holds this; fails at once when the launcher ends without it. */
  says(text: string): Promise<void>;
}

export interface LaunchOptions {
  readonly workshop: string;
  readonly services?: Parameters<typeof writeServices>[1];
  readonly argv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Its temporary files go to `<workshop>/tmp`, where `leftovers` looks for them. */
export async function launch({
  workshop,
  services,
  argv = [],
  env = {},
}: LaunchOptions): Promise<LauncherProcess> {
  const paths = await writeServices(workshop, services);
  const entry = await writeEntry(workshop, paths);
  const port = await freePort();
  const child = spawn(process.execPath, [entry, ...argv], {
    cwd: workshop,
    env: { PATH: process.env.PATH, TMPDIR: join(workshop, "tmp"), EDGE_PORT: `${port}`, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return observe(child, port);
}

async function writeEntry(workshop: string, paths: ServicePaths): Promise<string> {
  const entry = join(workshop, "entry.mjs");
  await writeFile(
    entry,
    `import { runLauncher } from "./run-launcher.js";
     process.exit(await runLauncher(process.argv.slice(2), ${JSON.stringify(paths)}));`,
  );
  return entry;
}

function observe(child: ChildProcess, port: number): LauncherProcess {
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
    });
  }
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  const says = (wanted: string) =>
    vi.waitUntil(
      () => {
        if (text.stdout.includes(wanted)) return true;
        if (child.exitCode !== null) throw new Error(`it ended: ${text.stdout}${text.stderr}`);
        return false;
      },
      { timeout: 10_000, interval: 20 },
    );
  return {
    child,
    port,
    exited,
    says: async (wanted) => void (await says(wanted)),
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
  };
}

/** Every live process whose command line names the workshop: launcher, children, Redis, guard. */
async function processesOf(workshop: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,stat=,args="]);
  return stdout.split("\n").filter((line) => line.includes(workshop) && !/^\s*\d+ Z/.test(line));
}

/** Waits until no process and no temporary file of the workshop is left. */
export async function expectNothingLeft(workshop: string): Promise<void> {
  const temporary = join(workshop, "tmp");
  try {
    await vi.waitFor(
      async () => {
        expect(await processesOf(workshop)).toEqual([]);
        expect(await readdir(temporary)).toEqual([]);
      },
      { timeout: 8_000, interval: 50 },
    );
  } catch (error) {
    // One test's leak must not fail the next ones.
    for (const line of await processesOf(workshop)) process.kill(Number.parseInt(line, 10), 9);
    for (const name of await readdir(temporary)) await rm(join(temporary, name), RECURSIVE);
    throw error;
  }
}

export async function removeWorkshop(workshop: string): Promise<void> {
  await rm(workshop, RECURSIVE);
}
