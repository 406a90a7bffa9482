import { expect, test } from "vitest";
import { z } from "zod";
import { clusterEnvShape, parseEnv, wholeNumber } from "./env.ts";

const schema = z.object({
  ...clusterEnvShape,
  EDGE_PORT: wholeNumber({ min: 1, max: 65_535, default: 8001 }),
});
const parse = (env: NodeJS.ProcessEnv) => parseEnv(schema, { env, prefix: "EDGE_" });

test("an empty variable counts as not set", () => {
  expect(parse({ EDGE_PORT: "", LOG_LEVEL: "" }).values).toMatchObject({
    EDGE_PORT: 8001,
    LOG_LEVEL: "info",
  });
});

test("every bad variable is named at once, its value is not", () => {
  expect(() => parse({ EDGE_PORT: "80a", LOG_LEVEL: "loud", REDIS_URL: "http://u:pw@h" })).toThrow(
    /REDIS_URL: must be a redis(.|\n)*LOG_LEVEL: (.|\n)*EDGE_PORT: must be a whole number from 1 to 65535/,
  );
  expect(() => parse({ REDIS_URL: "http://u:pw@h" })).not.toThrow(/pw/);
});

test.each(["0", "-3", "1.5", "70000", "x"])("a port of %s is told its range", (port) => {
  expect(() => parse({ EDGE_PORT: port })).toThrow(
    /EDGE_PORT: must be a whole number from 1 to 65535/,
  );
});

test("a variable under the service's prefix that nothing reads is reported", () => {
  expect(parse({ EDGE_PROT: "1", WORKER_X: "1", PATH: "/" }).unknown).toEqual(["EDGE_PROT"]);
});
