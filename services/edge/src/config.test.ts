import { describe, expect, test } from "vitest";
import { readEdgeSettings } from "./config.ts";

const KEY = "a-key-of-some-length";
const read = (env: NodeJS.ProcessEnv) => readEdgeSettings({ ZHIPU_API_KEY: "k", ...env }).config;

describe("keys", () => {
  test.each([
    [undefined, []],
    ["", []],
    [KEY, [KEY]],
    [` ${KEY} , ${KEY}-2`, [KEY, `${KEY}-2`]],
  ])("%j are %j", (EDGE_API_KEYS, keys) => {
    expect(read({ EDGE_API_KEYS }).EDGE_API_KEYS).toEqual(keys);
  });

  test.each([" ", ",", " , ", `${KEY},`, `,${KEY}`, `${KEY}, ,${KEY}`, "\t", "\u00a0"])(
    "a blank key, as in %j, is refused with a sentence of its own",
    (EDGE_API_KEYS) => {
      expect(() => read({ EDGE_API_KEYS })).toThrow(/EDGE_API_KEYS\.\d: a key is blank; .* comma/);
    },
  );

  test("the key of the example is refused", () => {
    const problem = () => read({ EDGE_API_KEYS: `${KEY},change-me-openssl-rand-hex-24` });
    expect(problem).toThrow(/EDGE_API_KEYS\.1: a key is still the placeholder of an example/);
  });

  test("a short key is refused, and not printed", () => {
    const problem = () => read({ EDGE_API_KEYS: `${KEY},too-short` });
    expect(problem).toThrow(/EDGE_API_KEYS\.1: each key must have at least 16 characters/);
    expect(problem).not.toThrow(/too-short/);
  });
});

describe("origins", () => {
  test("are kept as browsers write them", () => {
    const EDGE_ALLOWED_ORIGINS = " HTTPS://App.Example.com:443/ ,http://intranet:8080";
    const origins = ["https://app.example.com", "http://intranet:8080"];
    expect(read({ EDGE_ALLOWED_ORIGINS }).EDGE_ALLOWED_ORIGINS).toEqual(origins);
    expect(read({}).EDGE_ALLOWED_ORIGINS).toEqual([]);
    expect(read({ EDGE_ALLOWED_ORIGINS: "*" }).EDGE_ALLOWED_ORIGINS).toEqual(["*"]);
  });

  test.each(["app.example.com", "https://app.example.com/chat", "null", "https://a.example,"])(
    "%s is none",
    (EDGE_ALLOWED_ORIGINS) => {
      expect(() => read({ EDGE_ALLOWED_ORIGINS })).toThrow(
        /EDGE_ALLOWED_ORIGINS\.\d: must be `\*`, or origins such as/,
      );
    },
  );

  test.each(["gateway.example.com", "ws://gateway.example.com", "/chat"])(
    "a public URL must be a URL for browsers, not %s",
    (EDGE_PUBLIC_URL) => {
      expect(() => read({ EDGE_PUBLIC_URL })).toThrow(/EDGE_PUBLIC_URL: must be a URL such as/);
    },
  );
});
