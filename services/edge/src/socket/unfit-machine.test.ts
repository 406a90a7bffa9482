import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { UnfitMachineError } from "./unfit-machine.ts";

const INTRO = "This version of uWS.js supports only Node.js versions 16, 18, 20 (and so on).\n\n";
const debian12 = { node: "22.11.0", platform: "linux", arch: "x64", glibc: "2.36" };

function told(cause: string, machine = debian12 as Partial<typeof debian12>): string {
  const whole = { ...debian12, ...machine, glibc: "glibc" in machine ? machine.glibc : "2.36" };
  return new UnfitMachineError(new Error(INTRO + cause), whole).message;
}

test("a glibc that is too old for this Node is one sentence, with what to use instead", () => {
  const cause =
    "Error: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/uws_linux_x64_127.node)";
  expect(told(cause)).toBe(
    "No edge can run here: uWebSockets.js for Node 22 needs glibc 2.38 or later, and this system has 2.36; " +
      "use Node 20, a system with glibc 2.38 or later (Debian 13, Ubuntu 24.04), or the images of docker-compose.yml.",
  );
  // It must not advise the Node that does not work.
  expect(told(cause, { node: "20.18.1", glibc: "2.26" })).not.toContain("use Node 20");
});

test("a Node without a binary, and a system without glibc, are one sentence each", () => {
  expect(told("Error: Cannot find module './uws_linux_x64_131.node'", { node: "23.1.0" })).toBe(
    "No edge can run here: uWebSockets.js has no binary for Node 23.1.0 on linux x64; use Node 20, 22 or 24 " +
      "(on Linux, 22 and 24 need glibc 2.38 or later).",
  );
  const musl = "Error: Error relocating /x/uws_linux_x64_115.node: symbol not found";
  expect(told(musl, { glibc: undefined as unknown as string })).toMatch(
    /^No edge can run here: uWebSockets\.js needs glibc, which this system [^\n]*\.$/,
  );
  expect(told("Error: the disk is on fire")).toBe(
    "No edge can run here: uWebSockets.js cannot be loaded by Node 22.11.0 on linux x64 (Error: the disk is on fire).",
  );
});

test.each(["main.js", "check-machine.js"])(
  "%s of an edge ends with that sentence alone where its binary is missing",
  async (script) => {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-unfit-"));
    try {
      const pretend = join(directory, "pretend.cjs");
      await writeFile(
        pretend,
        `const versions = { ...process.versions, modules: "999" };
         Object.defineProperty(process, "versions", { value: versions });`,
      );
      const path = fileURLToPath(new URL(`../../dist/${script}`, import.meta.url));
      const run = promisify(execFile)(process.execPath, ["--require", pretend, path]);
      await expect(run).rejects.toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^No edge can run here: .* has no binary for Node .*\n$/),
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

test("check-machine.js exits without output if an edge can run", async () => {
  const path = fileURLToPath(new URL("../../dist/check-machine.js", import.meta.url));
  expect(await promisify(execFile)(process.execPath, [path])).toEqual({ stdout: "", stderr: "" });
});
