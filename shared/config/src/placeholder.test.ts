import { describe, expect, test } from "vitest";
import { z } from "zod";
import { clusterEnvShape, parseEnv } from "./env.ts";
import { parseGatewayConfig } from "./gateway-config.ts";

const connect = (REDIS_URL: string) =>
  parseEnv(z.object(clusterEnvShape), { env: { REDIS_URL }, prefix: "TEST_" }).values.REDIS_URL;

describe("the placeholder of an example is no secret", () => {
  test.each([
    "redis://gateway:change-me@redis:6379",
    "redis://:PASSWORD@redis:6379",
    "redis+cluster://gateway:PASSWORD@redis-0:6379,redis-1:6379",
  ])("%s", (url) => {
    const problems = ["REDIS_URL: its password is still the placeholder of an example"];
    expect(() => connect(url)).toThrow(expect.objectContaining({ problems }));
  });

  test.each(["redis://redis:6379", "redis://gateway:b3f1c0ffee@change-me:6379", "rediss://h/1"])(
    "%s is fine",
    (url) => expect(connect(url)).toBe(url),
  );

  test.each(["change-me", "KEY"])("the key %s of a provider", (KEY) => {
    const a = { kind: "openai", baseUrl: "http://127.0.0.1/v1", model: "m", apiKey: "${KEY}" };
    const problems = ["providers.a.apiKey: is still the placeholder of an example"];
    const read = () => parseGatewayConfig({ providers: { a } }, { source: "test", env: { KEY } });
    expect(read).toThrow(expect.objectContaining({ problems }));
  });
});
