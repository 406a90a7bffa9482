/** Holds the language rules, as far as a machine can. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../architecture/sources.ts";
import { checkLanguage } from "./language.ts";

const READ = /\.(?:md|ts|mjs|lua)$/;
const SKIPPED = /^(?:node_modules|dist|\..*)$/;

/** The files below a path of the repository, each from the root. */
function filesBelow(path: string): string[] {
  const full = join(ROOT, path);
  if (!statSync(full, { throwIfNoEntry: false })?.isDirectory())
    return READ.test(path) ? [path] : [];
  return readdirSync(full)
    .filter((name) => !SKIPPED.test(name))
    .flatMap((name) => filesBelow(path === "" ? name : `${path}/${name}`));
}

function findingsIn(path: string): string[] {
  return checkLanguage(path, readFileSync(join(ROOT, path), "utf8")).map(
    ({ line, reason }) => `${path}:${line}: ${reason}`,
  );
}

test("every page and comment keeps the language rules", () => {
  expect(filesBelow("").flatMap(findingsIn)).toEqual([]);
});

test("README.md can be read in a minute or two", () => {
  const { length } = readFileSync(join(ROOT, "README.md"), "utf8").trimEnd().split("\n");
  expect(length).toBeLessThanOrEqual(160);
});

const reasonsOf = (text: string, path = "page.md") =>
  checkLanguage(path, text).map(({ line, reason }) => `${line}: ${reason.replace(/:.*/, "")}`);

const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(" ");

describe("a page", () => {
  test("has sentences of 25 words at most, and code counts as one", () => {
    expect(reasonsOf(`${words(25)}.\nSo ${words(23)} \`a b c\`.`)).toEqual([]);
    expect(reasonsOf(`Short. So ${words(12)}\n${words(13)}.`)).toEqual(["1: 26 words"]);
  });

  test("may have an abbreviation in the middle of a sentence", () => {
    expect(reasonsOf(`${words(13)}, e.g. ${words(13)}.`)).toEqual(["1: 27 words"]);
  });

  test("has sentences that end with their item, cell or heading", () => {
    const [half, more] = [words(13), words(14)];
    expect(reasonsOf(`# ${half}\n${half}\n- ${half}\n- ${half}\n\n| ${half} | ${more} |`)).toEqual(
      [],
    );
  });

  test("has lines of 110 columns, tables, code and addresses aside", () => {
    const long = "x".repeat(120);
    expect(reasonsOf(`${long}\n\n\`\`\`\n${long}\n\`\`\`\n| ${long} |`)).toEqual([
      "1: 120 columns",
    ]);
    expect(reasonsOf(`[here](https://example.com/${long})`)).toEqual([]);
  });

  test("begins no statement with who or what", () => {
    const bad = "Who asks is told. What comes is read.";
    expect(reasonsOf(bad).map((reason) => reason.slice(0, 8))).toEqual(['1: "Who ', '1: "What']);
    expect(reasonsOf("## What it takes\n\nWhat is a run? An answer.")).toEqual([]);
  });

  test.each([
    ["An id that is none is refused.", "is none"],
    ["It is as good as nothing.", "as good as nothing"],
    ["Whoever takes it ends it.", "Whoever"],
    ["It is told to who waits.", "to who"],
    ["It takes that one.", "that one"],
    ["It takes one that is free.", "one that"],
    ["It begins anew.", "anew"],
    ["Nothing of it is kept.", "Nothing of it"],
    ["Nothing in it is not known.", "Nothing in it is not"],
  ])("has no phrase to decode: %s", (sentence, phrase) => {
    expect(checkLanguage("page.md", sentence).map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`"${phrase}"`),
    ]);
  });

  test.each([
    "The edge reports it so that one worker takes it.",
    "There is none.",
    "Take `that one` and `anew`.",
    "More than one that fits is refused.",
  ])("may say: %s", (sentence) => expect(checkLanguage("page.md", sentence)).toEqual([]));
});

describe("code", () => {
  test("is read in its sentences too if it ships", () => {
    const code =
      'log.warn("nobody reads this log");\nfail(`field ${name} is none of the known`);\n';
    expect(reasonsOf(code, "services/edge/src/a.ts")).toEqual(['1: "nobody"', '2: "is none"']);
    expect(reasonsOf(code, "services/edge/src/a.test.ts")).toEqual([]);
  });

  test("is read in its comments only if it is a test", () => {
    const code =
      'const text = "anew // anew"; // nobody\nconst other = `anew ${`/* anew`} anew`;\n/** anew */\n';
    expect(reasonsOf(code, "a.ts")).toEqual(['1: "nobody"', '3: "anew"']);
  });

  test("may have quotes in its regular expressions", () => {
    expect(reasonsOf('const quote = /["`]/; // nobody\n', "a.ts")).toEqual(['1: "nobody"']);
  });

  test("is read in the comments of Lua", () => {
    expect(reasonsOf('local text = "-- anew" -- nobody\n-- anew\n', "a.lua")).toEqual([
      '1: "nobody"',
      '2: "anew"',
    ]);
  });

  test("has each key, argument and outcome of a Lua script as a text of its own", () => {
    const many = words(24);
    const header = `-- KEYS[1]  ${many}\n-- ARGV[10] ${many}\n--          more\n--   'taken'  ${many}\n--   due_at  ${many}\n`;
    expect(reasonsOf(header, "a.lua")).toEqual([]);
    expect(reasonsOf(`${header}--           and more`, "a.lua")).toEqual(["5: 26 words"]);
  });

  test("may have the words of simulated providers", () => {
    const code = 'const SENTENCES = ["nobody had a good reply"];\n';
    expect(reasonsOf(code, "services/simulator/src/text/english.ts")).toEqual([]);
  });

  test("may begin its comments with a noun phrase", () => {
    expect(reasonsOf("/** What a worker needs to know of a run. */", "a.ts")).toEqual([]);
    expect(reasonsOf("/** What was sent cannot be taken back. */", "a.ts")).toHaveLength(1);
  });
});
