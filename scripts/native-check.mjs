/**
 * `npm run native:check`: whether the binaries of uWebSockets.js, which npm has under an alias, are those of upstream.
 *
 * Git names a file by a hash of its bytes. The script hashes each `uws_*.node` in the same way and looks for the name in
 * the release tags of upstream. It fetches the tags' lists of files, and none of the files.
 *
 * Exit code 0: each binary is in a release. 1: some binary is in none. 2: not run, and the reason.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const FETCHED_WITHIN_MS = 120_000;
const BINARY = /^uws_.*\.node$/;

const { values } = parseArgs({
  options: {
    upstream: { type: "string", default: "https://github.com/uNetworking/uWebSockets.js" },
    directory: { type: "string", default: "node_modules/uWebSockets.js" },
  },
});

if (!existsSync(values.directory)) {
  console.log(`Not run: there is no ${values.directory}; npm ci installs it.`);
  process.exit(2);
}
const repository = mkdtempSync(join(tmpdir(), "openclaw-native-"));
try {
  const tags = fetchTags(values.upstream);
  process.exitCode = tags === undefined ? 2 : compare(values.directory, tags);
} finally {
  rmSync(repository, { recursive: true, force: true });
}

/** @returns names of the tags, newest first; undefined, and said why, where there is no answer */
function fetchTags(upstream) {
  git("init", "--quiet", "--bare");
  git("remote", "add", "upstream", upstream);
  const fetched = git(
    ...["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=20"],
    ...[
      "fetch",
      "--quiet",
      "--depth=1",
      "--filter=blob:none",
      "upstream",
      "refs/tags/*:refs/tags/*",
    ],
  );
  const tags = git("tag", "--sort=-version:refname").stdout?.split("\n").filter(Boolean) ?? [];
  if (fetched.status === 0 && tags.length > 0) return tags;
  const why = fetched.error?.message ?? fetched.stderr.trim().split("\n").at(-1);
  console.log(`Not run: ${upstream} gave no release tags (${why || "it has none"}).`);
  return undefined;
}

/** Says for each release which binaries are its own. @returns the exit code */
function compare(directory, tags) {
  const binaries = new Map(
    readdirSync(directory)
      .filter((name) => BINARY.test(name))
      .map((name) => [name, gitHashOf(readFileSync(join(directory, name)))]),
  );
  const total = binaries.size;
  for (const tag of tags) {
    const released = filesOf(tag);
    const same = [...binaries].filter(([name, hash]) => released.get(name) === hash);
    if (same.length > 0) console.log(`${tag}: ${same.map(([name]) => name).join(", ")}`);
    for (const [name] of same) binaries.delete(name);
  }
  const foreign = [...binaries.keys()];
  if (foreign.length > 0) console.log(`in no release: ${foreign.join(", ")}`);
  const date = new Date().toISOString().slice(0, 10);
  const found = total - foreign.length;
  console.log(
    `${date}: ${found} of ${total} binaries are those of one of ${tags.length} releases.`,
  );
  return found === total && total > 0 ? 0 : 1;
}

/** The hash of each file in the root of a release. */
function filesOf(tag) {
  const lines = git("ls-tree", `refs/tags/${tag}`).stdout.split("\n").filter(Boolean);
  return new Map(
    lines.map((line) =>
      line
        .match(/^\S+ \S+ (\S+)\t(.*)$/)
        .slice(1)
        .reverse(),
    ),
  );
}

/** As `git hash-object` gives it. */
function gitHashOf(bytes) {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function git(...args) {
  return spawnSync("git", args, {
    cwd: repository,
    encoding: "utf8",
    timeout: FETCHED_WITHIN_MS,
    env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
  });
}
