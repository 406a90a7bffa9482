/** `npm run native:check` against a repository that a local server has, with the right bytes and with others. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

let directory: string;
let server: Server;
let upstream: string;

/** Two releases: the later one has dropped a binary of the earlier one, and built the other again. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-native-check-"));
  const work = join(directory, "upstream");
  await mkdir(work);
  git(work, "init", "--quiet");
  git(work, "config", "uploadpack.allowFilter", "true");
  await release(work, "v20.9.0", { "uws_a_115.node": "old", "uws_a_137.node": "older build" });
  git(work, "rm", "--quiet", "uws_a_115.node");
  await release(work, "v20.10.0", { "uws_a_137.node": "new" });
  server = createServer(serveGit).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  // The server listens on a port, so this is no path.
  const { port } = server.address() as AddressInfo;
  upstream = `http://127.0.0.1:${port}/upstream/.git`;
});

afterAll(async () => {
  server?.close();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await rm(join(directory, "alias"), { recursive: true, force: true });
  await mkdir(join(directory, "alias"));
});

function git(cwd: string, ...args: readonly string[]): void {
  const settings = ["user.name=test", "user.email=test@example.com", "commit.gpgSign=false"];
  execFileSync("git", [...settings.flatMap((one) => ["-c", one]), ...args], { cwd });
}

async function release(work: string, tag: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(work, name), text);
  git(work, "add", ".");
  git(work, "commit", "--quiet", "--message", tag);
  git(work, "tag", tag);
}

/** The CGI program of Git itself. */
const serveGit: Parameters<typeof createServer>[1] = (request, response) => {
  const { pathname, search } = new URL(request.url ?? "/", "http://server");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers["content-type"],
      HTTP_CONTENT_ENCODING: String(request.headers["content-encoding"] ?? ""),
    },
  });
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  backend.once("close", () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf("\r\n\r\n");
    const fields = answer.subarray(0, end).toString().split("\r\n");
    const pairs = fields.map((field) => field.split(": ", 2) as [string, string]);
    const { Status: status = "200", ...headers } = Object.fromEntries(pairs);
    response.writeHead(Number.parseInt(status, 10), headers).end(answer.subarray(end + 4));
  });
};

async function check(
  files: Record<string, string>,
  url = upstream,
  alias = join(directory, "alias"),
) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(alias, name), text);
  const words = ["scripts/native-check.mjs", "--upstream", url, "--directory", alias];
  return await promisify(execFile)(process.execPath, words).then(
    ({ stdout }) => ({ code: 0, lines: stdout.trim().split("\n") }),
    ({ code, stdout }: { code: number; stdout: string }) => ({
      code,
      lines: stdout.trim().split("\n"),
    }),
  );
}

test("binaries of two releases are told apart, newest first, and the script ends with 0", async () => {
  const { code, lines } = await check({
    "uws_a_115.node": "old",
    "uws_a_137.node": "new",
    "uws.js": "not a binary",
  });
  expect(lines).toEqual([
    "v20.10.0: uws_a_137.node",
    "v20.9.0: uws_a_115.node",
    expect.stringMatching(/^\d{4}-\d\d-\d\d: 2 of 2 binaries are those of one of 2 releases\.$/),
  ]);
  expect(code).toBe(0);
});

test("a binary with other bytes is named, also under a name that upstream has, and the code is 1", async () => {
  const { code, lines } = await check({ "uws_a_115.node": "new", "uws_a_137.node": "new" });
  expect(lines.slice(0, 2)).toEqual(["v20.10.0: uws_a_137.node", "in no release: uws_a_115.node"]);
  expect(code).toBe(1);
});

test("a checkout without the alias is told to install it, and the code is 2", async () => {
  const { code, lines } = await check({}, upstream, join(directory, "nothing"));
  expect(lines).toEqual([expect.stringMatching(/^Not run: .+; npm ci installs it\.$/)]);
  expect(code).toBe(2);
});

test("a directory without binaries proves nothing, so the code is 1", async () => {
  expect(await check({})).toMatchObject({ code: 1 });
});

test.each([
  ["a server without that repository", () => `${upstream}/elsewhere`],
  ["a port without a server", () => "http://127.0.0.1:1/upstream.git"],
])("%s is one sentence, and the code is 2", async (_, url) => {
  const { code, lines } = await check({ "uws_a_137.node": "new" }, url());
  expect(lines).toEqual([
    expect.stringMatching(/^Not run: http\S+ gave no release tags \(.+\)\.$/),
  ]);
  expect(code).toBe(2);
});
