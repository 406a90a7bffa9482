import { expect, test } from "vitest";
import { parseRedisUrl } from "./redis-url.ts";

test("one Redis is left to the client library", () => {
  const url = "rediss://user:pw@example.org:6380/2";
  expect(parseRedisUrl(url)).toEqual({ kind: "single", url });
});

test("a cluster is some of its nodes, with one password for all", () => {
  expect(parseRedisUrl("redis+cluster://:p%40ss:word@a:7000,b,[::1]:7002")).toEqual({
    kind: "cluster",
    nodes: [
      { host: "a", port: 7000 },
      { host: "b", port: 6379 },
      { host: "::1", port: 7002 },
    ],
    password: "p@ss:word",
    tls: false,
  });
  expect(parseRedisUrl("rediss+cluster://me:pw@a")).toMatchObject({ username: "me", tls: true });
});

test.each([
  "http://a",
  "redis+cluster://",
  "redis+cluster://a,",
  "redis+cluster://a:b",
  "redis://a:x",
])("%s is none", (url) => {
  expect(parseRedisUrl(url)).toBeUndefined();
});
