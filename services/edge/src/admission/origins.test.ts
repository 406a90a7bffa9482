import { describe, expect, test } from "vitest";
import { type AskedFrom, type OriginRules, Origins, originOf } from "./origins.ts";

const open: OriginRules = {
  publicUrl: "https://gateway.example.com/openclaw",
  allowed: ["https://app.example.com", "http://intranet:8080", "app://obsidian.md"],
  hasKeys: false,
  listenHost: "127.0.0.1",
};
const keyed: OriginRules = { ...open, hasKeys: true };
const nothing: AskedFrom = { origin: "", site: "", host: "127.0.0.1:8001" };

/** The origin that may read the reply; `refused`; or `served` if no page may read the reply of a served request. */
function judged(rules: OriginRules, asked: Partial<AskedFrom>): string {
  const { refusal, reader } = new Origins(rules).judge({ ...nothing, ...asked });
  return refusal ? "refused" : (reader ?? "served");
}

describe("an origin of the gateway's own, or one that is listed, may use it and read", () => {
  test.each([
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://127.8.9.10",
    "http://[::1]:3000",
    "https://gateway.example.com",
    "https://app.example.com",
    "http://intranet:8080",
    "app://obsidian.md",
  ])("%s", (origin) => {
    for (const rules of [open, keyed]) {
      for (const site of ["", "cross-site"]) expect(judged(rules, { origin, site })).toBe(origin);
    }
  });
});

describe("another origin is refused without keys, and with keys it may not read the reply", () => {
  test.each([
    "null",
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil.example/https://app.example.com",
    "https://APP.example.com",
    "http://gateway.example.com",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1@evil.example",
    "http://evil.example#localhost",
    "http://localhost/",
    "http://LOCALHOST",
    "http://2130706433",
    "http://128.0.0.1",
    "http://0.0.0.0:8001",
    "capacitor://localhost",
    "file://",
    "*",
    "not an origin",
  ])("%s", (origin) => {
    expect([judged(open, { origin }), judged(keyed, { origin })]).toEqual(["refused", "served"]);
  });

  test("and the refusal names the page and the settings", () => {
    const { refusal } = new Origins(open).judge({ ...nothing, origin: "https://evil.example" });
    expect(refusal?.code).toBe("origin_not_allowed");
    expect(refusal?.message).toMatch(/evil\.example.*EDGE_ALLOWED_ORIGINS.*EDGE_PUBLIC_URL/);
  });
});

describe("the IP address of the request is the gateway's own origin, since no name can be rebound to it", () => {
  const everywhere = { ...open, listenHost: "0.0.0.0" };

  test.each([
    ["http://192.168.1.7:8001", "192.168.1.7:8001"],
    ["http://10.0.0.3", "10.0.0.3"],
    ["https://[fd00::7]:8001", "[FD00::7]:8001"],
  ])("%s", (origin, host) => {
    expect(judged(everywhere, { origin, host })).toBe(origin);
  });

  test.each([
    ["http://192.168.1.7:8001", "192.168.1.8:8001"],
    ["http://192.168.1.7:3000", "192.168.1.7:8001"],
    ["http://192.168.1.7", "192.168.1.7:8001"],
    ["http://gateway.lan:8001", "gateway.lan:8001"],
    ["http://192.168.1.7.evil.example", "192.168.1.7.evil.example"],
    ["http://3232235783", "3232235783"],
    ["ws://192.168.1.7:8001", "192.168.1.7:8001"],
  ])("but not %s, where %s was asked", (origin, host) => {
    expect(judged(everywhere, { origin, host })).toBe("refused");
  });

  test("and on loopback it is not a name of the gateway", () => {
    expect(judged(open, { origin: "http://192.168.1.7", host: "192.168.1.7" })).toBe("refused");
  });
});

test("`*` lets in every page, also by a name that was rebound", () => {
  const rules = { ...open, allowed: ["*"] };
  for (const origin of ["https://evil.example", "null", "http://localhost:3000"]) {
    expect(judged(rules, { origin, host: "evil.example" })).toBe("*");
  }
  expect(judged(rules, { site: "cross-site" })).toBe("served");
});

describe("without an origin", () => {
  test.each([
    ["", "served"],
    ["none", "served"],
    ["same-origin", "served"],
    ["same-site", "served"],
    ["cross-site", "refused"],
    ["Cross-Site", "refused"],
    ["CROSS-SITE", "refused"],
    ["cross-site, none", "refused"],
  ])("a request whose Sec-Fetch-Site is %j is %s", (site, outcome) => {
    expect(judged(open, { site })).toBe(outcome);
    expect(judged(keyed, { site })).toBe("served");
  });
});

describe("the name that was asked for, on loopback without keys", () => {
  test.each([
    ["localhost", "served"],
    ["LocalHost:9000", "served"],
    ["127.0.0.1:8001", "served"],
    ["127.1.2.3", "served"],
    ["[::1]:8001", "served"],
    ["[::1]", "served"],
    ["gateway.example.com", "served"],
    ["gateway.example.com:8001", "served"],
    ["app.example.com:1", "served"],
    ["evil.example:8001", "refused"],
    ["localhost.evil.example:8001", "refused"],
    ["127.0.0.1.evil.example", "refused"],
    ["[::1].evil.example", "refused"],
    ["localhost:8001:evil", "refused"],
    ["0.0.0.0:8001", "refused"],
    ["192.168.1.7:8001", "refused"],
    ["obsidian.md", "refused"],
    ["", "refused"],
  ])("%s: %s", (host, outcome) => {
    expect(judged(open, { host })).toBe(outcome);
    expect(judged(open, { host, origin: "https://app.example.com" }) === "refused").toBe(
      outcome === "refused",
    );
  });

  test("on other addresses, and with keys, every name is served", () => {
    const host = "load-balancer:8001";
    for (const listenHost of ["0.0.0.0", "::", "192.168.1.7", "gateway.internal"]) {
      expect(judged({ ...open, listenHost }, { host })).toBe("served");
    }
    const spellings = ["127.0.0.1", "127.1", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"];
    for (const listenHost of [...spellings, "localhost", "LOCALHOST"]) {
      expect(judged({ ...open, listenHost }, { host })).toBe("refused");
      expect(judged({ ...keyed, listenHost }, { host })).toBe("served");
    }
  });

  test("the refusal names the host and the settings", () => {
    const { refusal } = new Origins(open).judge({ ...nothing, host: 'evil"\n.example' });
    expect(refusal?.message).toMatch(/evil\\"\\n\.example.*EDGE_ALLOWED_ORIGINS.*EDGE_PUBLIC_URL/);
  });
});

test.each([
  ["https://app.example.com", "https://app.example.com"],
  ["HTTPS://App.Example.com:443/", "https://app.example.com"],
  ["http://例子.example", "http://xn--fsqu00a.example"],
  ["chrome-extension://abcdefgh", "chrome-extension://abcdefgh"],
  ["app://obsidian.md", "app://obsidian.md"],
  ["*", "*"],
  ["null", undefined],
  ["app.example.com", undefined],
  ["https://app.example.com/chat", undefined],
  ["https://user@app.example.com", undefined],
  ["https://app.example.com?x", undefined],
  ["https://*.example.com", undefined],
  ["file:///etc", undefined],
  ["localhost:3000", undefined],
  ["", undefined],
])("an operator who writes %j means the origin %j", (text, origin) => {
  expect(originOf(text)).toBe(origin);
});
