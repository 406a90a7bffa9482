import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { HELP, parseOptions } from "./options.ts";

describe("command line", () => {
  test("starts two edges and two workers when nothing is said", () => {
    expect(parseOptions([])).toEqual({ edges: 2, workers: 2, port: undefined, help: false });
  });

  test("reads counts and port", () => {
    const argv = ["--edges", "3", "--workers=4", "--port", "9000"];
    expect(parseOptions(argv)).toEqual({ edges: 3, workers: 4, port: 9000, help: false });
  });

  test.each([
    [["--edges", "none"], '--edges must be a whole number from 1 to 64, not "none".'],
    [["--workers", "0"], '--workers must be a whole number from 1 to 64, not "0".'],
    [["--port", "65536"], '--port must be a whole number from 1 to 65535, not "65536".'],
    [["--edgse", "2"], "Unknown option '--edgse'. Try --help."],
    [["9000"], "Unexpected argument '9000'. Try --help."],
  ])("refuses %j in one sentence", (argv, sentence) => {
    expect(() => parseOptions(argv)).toThrow(
      expect.objectContaining({ code: "bad_option", message: sentence }),
    );
  });

  test("the help names every option", () => {
    for (const option of ["--edges", "--workers", "--port", "--help"]) {
      expect(HELP).toContain(option);
    }
  });
});

describe("environment", () => {
  test("decides the port where the command line is silent", () => {
    expect(readConfig([], undefined, {}).port).toBe(8001);
    expect(readConfig([], undefined, { EDGE_PORT: "8123" }).port).toBe(8123);
    expect(readConfig(["--port", "9000"], undefined, { EDGE_PORT: "8123" }).port).toBe(9000);
  });

  test("counts an empty variable as not set, and names a bad one", () => {
    const empty = { EDGE_PORT: "", EDGE_HOST: "", REDIS_URL: "" };
    expect(readConfig([], undefined, empty)).toMatchObject({
      host: "127.0.0.1",
      port: 8001,
      redisUrl: undefined,
    });
    expect(() => readConfig([], undefined, { EDGE_PORT: "http" })).toThrow(/^EDGE_PORT must be/);
  });
});
