import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileWatch } from "./file-watch.ts";

/** Longer than any test takes: what is noticed is noticed by an event. */
const NEVER_MS = 600_000;

let directory: string;
let path: string;
let changes: number;
let complaints: number;
let watch: FileWatch | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "file-watch-"));
  path = join(directory, "file.json");
  [changes, complaints] = [0, 0];
});

afterEach(async () => {
  await watch?.stop();
  await rm(directory, { recursive: true });
});

async function start(lookEveryMs = NEVER_MS): Promise<void> {
  watch = new FileWatch({
    path,
    onChange: () => {
      changes += 1;
    },
    log: {
      warn: () => {
        complaints += 1;
      },
    },
    lookEveryMs,
  });
  await watch.start();
}

const reportedTimes = (times: number) =>
  vi.waitUntil(() => changes === times, { timeout: 1_500, interval: 5 });

describe("a change is told of once", () => {
  beforeEach(async () => {
    await writeFile(path, "one");
  });

  test("when the file is written in place", async () => {
    await start();
    await writeFile(path, "two");
    await reportedTimes(1);
    await writeFile(path, "three");
    await reportedTimes(2);
  });

  test("when another file is renamed over it, again and again", async () => {
    await start();
    for (const [index, text] of ["two", "three", "four"].entries()) {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      await reportedTimes(index + 1);
    }
  });

  test("when it is removed, and when it is back", async () => {
    await start();
    await rm(path);
    await reportedTimes(1);
    await writeFile(path, "one");
    await reportedTimes(2);
  });
});

test("what says the same as before is no change, nor is what happens to neighbours", async () => {
  await writeFile(path, "one");
  await start();
  await writeFile(join(directory, "neighbour"), "x");
  await writeFile(path, "one");
  await writeFile(join(directory, "neighbour"), "y");
  // The directory is looked at all the same: this one is found.
  await writeFile(path, "two");
  await reportedTimes(1);
});

test("a directory in which something happens all the time does not put it off", async () => {
  await writeFile(path, "one");
  await start();
  const busy = setInterval(() => void writeFile(join(directory, "log"), "more"), 10);
  await writeFile(path, "two");
  await reportedTimes(1);
  clearInterval(busy);
});

/** As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> a directory for each edition. */
async function edition(name: string, text: string): Promise<void> {
  await mkdir(join(directory, name));
  await writeFile(join(directory, name, "file.json"), text);
  await symlink(name, join(directory, "..data_tmp"));
  await rename(join(directory, "..data_tmp"), join(directory, "..data"));
}

test("a ConfigMap is followed through its links, each time they are turned", async () => {
  await edition("..1", "one");
  await symlink("..data/file.json", path);
  await start();
  await edition("..2", "two");
  await reportedTimes(1);
  await edition("..3", "three");
  await reportedTimes(2);
});

test("a file that is a link is followed where it leads", async () => {
  const elsewhere = join(directory, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "real.json"), "one");
  await symlink(join(elsewhere, "real.json"), path);
  await start();
  await writeFile(join(elsewhere, "real.json"), "two");
  await reportedTimes(1);
});

test("where nothing can be watched it is looked at all the same, and that is said once", async () => {
  path = join(directory, "not yet", "file.json");
  await start(20);
  await vi.waitUntil(() => complaints > 0, { timeout: 1_500 });
  await mkdir(join(directory, "not yet"));
  await writeFile(path, "one");
  await reportedTimes(1);
  expect(complaints).toBe(1);
});

test("once it is stopped it says nothing more", async () => {
  await writeFile(path, "one");
  await start(20);
  await writeFile(path, "two");
  await watch?.stop();
  const told = changes;
  const other = new FileWatch({
    path,
    onChange: () => {
      changes += 10;
    },
    log: { warn: () => undefined },
    lookEveryMs: 20,
  });
  await other.start();
  await writeFile(path, "three");
  await reportedTimes(told + 10);
  await other.stop();
});
