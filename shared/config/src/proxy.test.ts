import { describe, expect, test } from "vitest";
import { parseGatewayConfig } from "./gateway-config.ts";

const SECRET = "s3cret";

function proxyOf(provider: Record<string, unknown>, env: NodeJS.ProcessEnv): string | undefined {
  const one = { kind: "openai", baseUrl: "https://api.example.com/v1", model: "m", ...provider };
  const config = parseGatewayConfig({ providers: { one } }, { source: "the test", env });
  return config.providers.one?.proxy;
}

const http = { baseUrl: "http://api.example.com/v1" };

describe("the proxy of a provider", () => {
  test.each([
    ["HTTPS_PROXY for https", {}, { HTTPS_PROXY: "http://proxy:3128" }, "http://proxy:3128/"],
    ["HTTP_PROXY for http", http, { HTTP_PROXY: "http://proxy:3128" }, "http://proxy:3128/"],
    ["not HTTP_PROXY for https", {}, { HTTP_PROXY: "http://proxy:3128" }, undefined],
    ["not HTTPS_PROXY for http", http, { HTTPS_PROXY: "http://proxy:3128" }, undefined],
    ["small letters", {}, { https_proxy: "proxy:3128" }, "http://proxy:3128/"],
    ["small letters first", {}, { https_proxy: "a:1", HTTPS_PROXY: "b:2" }, "http://a:1/"],
    ["one that speaks TLS", {}, { HTTPS_PROXY: "https://proxy:8443" }, "https://proxy:8443/"],
    [
      "user and password",
      {},
      { HTTPS_PROXY: "http://me:p%40ss@proxy:3128" },
      "http://me:p%40ss@proxy:3128/",
    ],
    ["empty is not set", {}, { HTTPS_PROXY: "" }, undefined],
    ["NO_PROXY", {}, { HTTPS_PROXY: "proxy:3128", NO_PROXY: "example.com" }, undefined],
    ["no_proxy", {}, { HTTPS_PROXY: "proxy:3128", no_proxy: "*" }, undefined],
    ["NO_PROXY of others", {}, { HTTPS_PROXY: "proxy:3128", NO_PROXY: "x" }, "http://proxy:3128/"],
    ["its own", { proxy: "http://own:1" }, { HTTPS_PROXY: "proxy:3128" }, "http://own:1/"],
    ["its own, NO_PROXY or not", { proxy: "http://own:1" }, { NO_PROXY: "*" }, "http://own:1/"],
    ["none", { proxy: "none" }, { HTTPS_PROXY: "proxy:3128" }, undefined],
    [
      "one from a variable",
      { proxy: "${P}" },
      { P: `me:${SECRET}@own:1` },
      `http://me:${SECRET}@own:1/`,
    ],
  ])("%s", (_, provider, env, proxy) => {
    expect(proxyOf(provider, env)).toBe(proxy);
  });

  test.each([
    ["socks", "providers.one.proxy", { proxy: `socks5://me:${SECRET}@own:1` }, {}],
    ["a path", "providers.one.proxy", { proxy: `http://me:${SECRET}@own:1/path` }, {}],
    ["no address", "providers.one.proxy", { proxy: `http://me:${SECRET}@` }, {}],
    ["socks", "HTTPS_PROXY", {}, { HTTPS_PROXY: `socks5://me:${SECRET}@own:1` }],
    ["no port", "HTTP_PROXY", {}, { http_proxy: `http://me:${SECRET}@own:port` }],
  ])("%s in %s is refused, and not shown", (_, where, provider, env) => {
    const parse = () => proxyOf(provider, env);
    expect(parse).toThrow(
      `${where}: must be ${where.includes(".") ? '"none" or ' : ""}an address such as http://USER:PASSWORD@HOST:PORT`,
    );
    expect(parse).not.toThrow(SECRET);
  });
});
