/** `npm run chat` as its users have it: a process with pipes, or in a terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { eventually, freePort } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { boundMs } from "../suites.ts";
import { BalancedGateway } from "./balanced-gateway.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const CHAT = "services/chat/dist/main.js";

const SMALL_FILE = join(tmpdir(), `openclaw-chat-${randomUUID()}`);

let simulator: Simulator;
let gateway: BalancedGateway;
const started: ChildProcess[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  gateway = await BalancedGateway.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 2,
    workers: 1,
  });
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

afterAll(async () => {
  await rm(SMALL_FILE, { force: true });
  await gateway?.stop();
  await simulator?.stop();
});

/** A chat, and what it has written so far. */
function chat(
  [command, ...args]: readonly [string, ...string[]],
  env: Record<string, string> = {},
) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, OPENCLAW_URL: gateway.url, ...env },
  });
  started.push(child);
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => {
    said.stdout += text;
  });
  child.stderr.on("data", (text) => {
    said.stderr += text;
  });
  const exited = once(child, "close").then(([code]) => ({ code, ...said }));
  return { child, said, exited };
}

function pipe(question: string, ...more: string[]) {
  const piped = chat([process.execPath, CHAT, ...more]);
  piped.child.stdin.end(question);
  return piped;
}

/** A hundred lines of a kilobyte in all for each ten, none of which may be missing from what the answer repeats. */
const LONG_PASTE = (() => {
  const pieces = Array.from({ length: 98 }, (_, at) => `${at}: 一行 ${"x".repeat(80)} `);
  const lines = ['sim:{"pieces":[', ...pieces.map((piece) => `${JSON.stringify(piece)},`)];
  return { question: [...lines, '"end"]}'].join("\n"), answer: [...pieces, "end"].join("") };
})();
const PASTE_START = "\u001b[200~";
const PASTE_END = "\u001b[201~";

const SLOW = directive({ words: 60, gapMs: 30 });

describe("with a question on its standard input", () => {
  test("the standard output is the answer and nothing else, also through npm", async () => {
    const { child, exited } = chat(["npm", "run", "--silent", "chat", "--", "--provider", "zhipu"]);
    child.stdin.end("Why is the sky blue?\n");
    const answer = answerFor({ prompt: "Why is the sky blue?", profile: "zhipu" });
    // The bootstrap prints on standard error.
    expect(await exited).toMatchObject({ code: 0, stdout: `${answer}\n` });
  });

  test("an edge that is killed in mid-answer leaves no trace", async () => {
    const before = simulator.stats().total.requests;
    const { exited } = pipe(SLOW);
    await eventually("the request", () => simulator.stats().total.requests > before);
    for (const edge of [0, 1]) {
      await gateway.end(edge, "SIGKILL");
      await gateway.restart(edge);
    }
    const answer = answerFor({ prompt: SLOW, profile: "nvidia2" });
    expect(await exited).toEqual({ code: 0, stdout: `${answer}\n`, stderr: "" });
  });

  test("a refusal, nothing asked, nobody there, a bad option: one line on standard error, exit code 1", async () => {
    const nowhere = `ws://127.0.0.1:${await freePort()}`;
    const failures = [
      [
        pipe("hi", "--provider", "nosuch"),
        /^No provider has that name\..* \(unknown_provider\)\n$/,
      ],
      [pipe(" \n"), /^Nothing was asked/],
      [
        pipe("hi", "--url", nowhere),
        /^The gateway at 127.* cannot be reached: .*ECONNREFUSED.*npm start.*--url ws:.*\n$/,
      ],
      [pipe("hi", "--colour"), /^Unknown option '--colour'/],
    ] as const;
    for (const [{ exited }, stderr] of failures) {
      expect(await exited).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(stderr) });
    }
  });

  test("a hundred lines are one question", async () => {
    const { question, answer } = LONG_PASTE;
    const piped = chat([process.execPath, CHAT]);
    // In pieces, as another program writes them: cut in the middle of lines and of characters.
    const bytes = Buffer.from(question);
    for (let at = 0; at < bytes.length; at += 4_095) {
      await new Promise((resolve) =>
        piped.child.stdin.write(bytes.subarray(at, at + 4_095), resolve),
      );
    }
    piped.child.stdin.end("\n");
    expect(await piped.exited).toEqual({ code: 0, stdout: `${answer}\n`, stderr: "" });
  });

  test.each([
    ["an answer", [], "> /dev/full", "ENOSPC: no space left on device, write"],
    ["the help", ["--help"], "> /dev/full", "ENOSPC: no space left on device, write"],
    // Of which the system takes the first 512 or 1,024 bytes, and says so without an error.
    ["half of an answer", [], `> ${SMALL_FILE}`, "EFBIG: file too large, write"],
  ])("output that cannot be written, %s: exit code 1, and the reason", async (_, args, to, why) => {
    const command = `ulimit -f 1; ${[process.execPath, CHAT, ...args].join(" ")} ${to}`;
    const { child, exited } = chat(["sh", "-c", command]);
    child.stdin.end(LONG_PASTE.question);
    const stderr = `The output cannot be written: ${why}.\n`;
    expect(await exited).toEqual({ code: 1, stdout: "", stderr });
  });

  test("a reader that has enough and goes is no failure", async () => {
    const command = `{ ${process.execPath} ${CHAT}; echo "exit $?" >&2; } | true`;
    const { child, exited } = chat(["sh", "-c", command]);
    child.stdin.end(LONG_PASTE.question);
    expect(await exited).toMatchObject({ stderr: "exit 0\n" });
  });

  test("Ctrl-C cancels the answer at its provider and exits with 130", async () => {
    const { requests, aborted } = simulator.stats().total;
    const { child, exited } = pipe(directive({ words: 1_000, gapMs: 50 }));
    await eventually("the request", () => simulator.stats().total.requests > requests);
    child.kill("SIGINT");
    expect(await exited).toEqual({ code: 130, stdout: "", stderr: "" });
    await eventually("the upstream to close", () => simulator.stats().total.aborted > aborted, {
      withinMs: boundMs({ promised: 500, fault: 5_000 }),
    });
  });
});

describe("in a terminal", () => {
  /** One of its own, by `script` of util-linux; what is typed goes in, what is shown comes out. */
  async function terminal(env: Record<string, string> = {}, to = "") {
    const command = `${process.execPath} ${CHAT} ${to}`;
    const opened = chat(["script", "-qec", command, "/dev/null"], env);
    // With the escape sequences of dim text as one can read them.
    const screen = () =>
      opened.said.stdout.replaceAll("\u001b[2m", "<dim>").replaceAll("\u001b[22m", "</dim>");
    const shows = (what: string | RegExp) =>
      eventually(`${what} on the screen`, () => {
        return typeof what === "string" ? screen().includes(what) : what.test(screen());
      });
    await shows("> ");
    return { ...opened, shows, type: (keys: string) => opened.child.stdin.write(keys) };
  }

  test("a conversation: answers as they come, a dim line behind each, all said before goes along", async () => {
    const { said, shows, type, exited } = await terminal();
    type(`${directive({ text: "first answer" })}\r`);
    await shows(/first answer\r\n<dim>nvidia2 \(test-model\) · first text \d\.\d\d s.*<\/dim>/);
    type("/provider zhipu\r");
    await shows("Questions go to zhipu.");
    type(`${directive({ echo: true })}\r`);
    const said1 = /"role":"user","content":"sim:.*"role":"assistant","content":"first answer"/;
    await shows(said1);
    await shows("zhipu (test-model)");
    type("/new\r");
    await shows("forgotten");
    const before = said.stdout.length;
    // Two lines that are pasted are one question.
    type('sim:{"echo":\rtrue}\r');
    await eventually("the echo", () => said.stdout.slice(before).includes("(test-model)"));
    expect(said.stdout.slice(before)).toContain("\\ntrue}");
    expect(said.stdout.slice(before)).not.toContain("first answer");
    type("\u0004");
    expect(await exited).toMatchObject({ code: 0, stderr: "" });
  });

  test("Ctrl-C ends an answer, of which half is shown by then, and a second one leaves", async () => {
    const { said, shows, type, exited } = await terminal({ NO_COLOR: "1" });
    const aborted = simulator.stats().total.aborted;
    const prompt = directive({ words: 200, gapMs: 30 });
    type(`${prompt}\r`);
    const [start] = answerFor({ prompt, profile: "nvidia2" }).match(/^.{40}/) ?? [];
    await shows(start ?? "");
    type("\u0003");
    await shows("(cancelled)\r\n");
    await eventually("the upstream to close", () => simulator.stats().total.aborted > aborted);
    type("\u0003");
    expect(await exited).toMatchObject({ code: 0 });
    expect(said.stdout).not.toContain("\u001b[2m");
  });

  test("a hundred lines that are pasted are one question, which Enter sends", async () => {
    const { said, shows, type, exited } = await terminal();
    // Terminals send what Enter sends.
    const pasted = LONG_PASTE.question.replaceAll("\n", "\r");
    type(PASTE_START + pasted);
    await shows('"end"]}');
    // The last line of a paste may end like the others; it is not sent by that.
    type(`\r${PASTE_END}\r`);
    await shows(/nvidia2 \(test-model\)/);
    expect(said.stdout).toContain(LONG_PASTE.answer);
    type("\u0004");
    expect(await exited).toMatchObject({ code: 0, stderr: "" });
    expect(said.stdout.match(/\[\?2004[hl]/g)).toEqual(["[?2004h", "[?2004l"]);
  });

  test.each(["xterm", "dumb"])(
    "so they are where the terminal, a %s, does not say that it is a paste",
    async (TERM) => {
      const { said, shows, type, exited } = await terminal({ TERM });
      type(`${LONG_PASTE.question.replaceAll("\n", "\r")}\r`);
      await shows(/nvidia2 \(test-model\)/);
      expect(said.stdout).toContain(LONG_PASTE.answer);
      type("\u0004");
      expect(await exited).toMatchObject({ code: 0, stderr: "" });
    },
  );

  test("what is typed while an answer comes is the next question", async () => {
    const { shows, type, exited } = await terminal();
    const before = simulator.stats().total.requests;
    type(`${SLOW}\r`);
    await eventually("the request", () => simulator.stats().total.requests > before);
    type(directive({ text: "typed ahead" }));
    type("\r");
    await shows(/typed ahead\r\n<dim>nvidia2/);
    type("\u0004");
    expect(await exited).toMatchObject({ code: 0 });
  });

  test("TERM=dumb: not one escape sequence", async () => {
    const { said, shows, type, exited } = await terminal({ TERM: "dumb" });
    type(`${directive({ reasoning: ["hm"], text: "plain" })}\r`);
    await shows(/plain\r\nnvidia2 \(test-model\)/);
    type("\u0004");
    expect(await exited).toMatchObject({ code: 0 });
    expect(said.stdout).not.toContain("\u001b");
  });

  test("answers that cannot be written end it, with the reason", async () => {
    const { shows, type, exited } = await terminal({}, "> /dev/full");
    type("hi\r");
    await shows("The output cannot be written: ENOSPC: no space left on device, write.");
    expect(await exited).toMatchObject({ code: 1 });
  });

  test("an edge that is killed in mid-answer is a pause; an unknown provider is a line, and on it goes", async () => {
    const { said, shows, type, exited } = await terminal();
    const prompt = directive({ words: 60, gapMs: 30, seed: 4 });
    const answer = answerFor({ prompt, profile: "nvidia2" }).replaceAll("\n", "\r\n");
    type(`${prompt}\r`);
    await shows(answer.slice(0, 30));
    for (const edge of [0, 1]) {
      await gateway.end(edge, "SIGKILL");
      await gateway.restart(edge);
    }
    await shows(`${answer}\r\n`);
    expect(said.stdout).not.toContain("error");
    type("/provider nosuch\r");
    await shows("Questions go to nosuch.");
    type("hi\r");
    await shows(/error: No provider has that name.*\(unknown_provider\)/);
    type("\u0003");
    expect(await exited).toMatchObject({ code: 0 });
  });
});
