import { describe, expect, test } from "vitest";
import { HELP, readCheckSettings, UsageError } from "./config.ts";

function problemsOf(...argv: readonly string[]): string {
  try {
    readCheckSettings(argv, {});
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

test("without options everything is checked, a minute at most", () => {
  expect(readCheckSettings([], { A: "b" })).toEqual({
    command: { name: "check", only: [], json: false, timeoutMs: 60_000 },
    env: { A: "b" },
  });
});

test("every option is heard", () => {
  const argv = [
    "--provider",
    "a",
    "--provider=b",
    "--timeout",
    "2.5",
    "--json",
    "--config",
    "x.json",
  ];
  expect(readCheckSettings(argv, { GATEWAY_CONFIG: "other" })).toEqual({
    command: { name: "check", only: ["a", "b"], json: true, timeoutMs: 2_500 },
    env: { GATEWAY_CONFIG: "x.json" },
  });
});

test("--init takes a path or none, and --help goes before everything", () => {
  expect(readCheckSettings(["--init"], {}).command).toEqual({
    name: "init",
    path: "gateway.config.json",
  });
  expect(readCheckSettings(["--init", "my.json"], {}).command).toEqual({
    name: "init",
    path: "my.json",
  });
  expect(readCheckSettings(["--help", "--timeout", "x"], {}).command).toEqual({ name: "help" });
});

describe("what makes no sense is refused", () => {
  test.each([
    [["--nope"], /Unknown option '--nope'/],
    [["--provider"], /--provider/],
    [["a"], /"a" is not understood/],
    [["--init", "a", "b"], /"b" is not understood/],
    [["--init", "--json"], /--init checks nothing/],
    [["--config", ""], /--config must be the path/],
  ])("%j", (argv, message) => {
    expect(problemsOf(...argv)).toMatch(message);
  });

  test.each(["0", "-1", "x", "", "3601", "Infinity"])("a timeout of %j", (value) => {
    expect(problemsOf(`--timeout=${value}`)).toMatch(/--timeout must be/);
  });

  test("with every problem at once", () => {
    expect(problemsOf("a", "--timeout", "x").split("\n")).toHaveLength(3);
  });
});

test("the help fits 80 columns", () => {
  const lines = HELP.split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.length).toBeGreaterThan(10);
});
