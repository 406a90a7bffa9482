import { ERROR_CODES, type ErrorCode } from "@openclaw/protocol";
import { expect, test } from "vitest";
import { configFor } from "../testing/fake-provider.ts";
import { adviceFor, connectionAdvice, type Subject } from "./advice.ts";

const subject = (apiKey: string | undefined, keyVariables: readonly string[] = []): Subject => ({
  name: "mine",
  config: configFor("http://127.0.0.1:1", { apiKey }),
  keyVariables,
});
const OF_PROVIDERS: readonly ErrorCode[] = [
  "model_not_found",
  "content_filtered",
  "context_length_exceeded",
  "first_token_timeout",
  "run_timeout",
];

test("every way in which a provider fails has advice of its own", () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[]; // its keys, by its type
  const ofProviders = codes.filter(
    (code) => code.startsWith("provider_") || OF_PROVIDERS.includes(code),
  );
  const general = adviceFor("cancelled", subject("k"));
  expect(ofProviders.filter((code) => adviceFor(code, subject("k")) === general)).toEqual([]);
});

test("a refused key is looked for where it comes from, and never shown", () => {
  const advice = (...args: Parameters<typeof subject>) =>
    adviceFor("provider_auth", subject(...args));
  expect(advice("s3cret", ["MY_KEY"])).toContain("the environment variable MY_KEY");
  expect(advice("s3cret")).toContain("`providers.mine.apiKey`");
  expect(advice(undefined)).toMatch(/has no key: set `providers\.mine\.apiKey`/);
  expect(advice("s3cret") + advice("s3cret", ["MY_KEY"])).not.toContain("s3cret");
});

test.each([
  ["dns", "ENOTFOUND", /host name in `providers\.mine\.baseUrl`.*DNS/],
  ["tcp", "ECONNREFUSED", /Nothing listens/],
  ["tcp", "TIMEOUT", /firewalls/],
  ["tls", "CERT_HAS_EXPIRED", /certificate/],
  ["tls", "DEPTH_ZERO_SELF_SIGNED_CERT", /NODE_EXTRA_CA_CERTS/],
  ["tls", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", /NODE_EXTRA_CA_CERTS/],
  ["tls", "ERR_SSL_WRONG_VERSION_NUMBER", /begin with http instead/],
] as const)("%s that fails with %s has advice that fits", (step, cause, advice) => {
  expect(connectionAdvice({ step, cause }, { subject: subject("k"), isProxied: false })).toMatch(
    advice,
  );
});

test.each([
  ["tcp", "ECONNREFUSED", /host and port of the proxy in `providers.mine.proxy`, or HTTPS_PROXY/],
  ["dns", "ENOTFOUND", /host and port of the proxy/],
  ["proxy", "HTTP_407", /user and password of the proxy/],
  ["proxy", "HTTP_403", /does not allow this host/],
  ["proxy", "HTTP_502", /proxy itself cannot reach the provider/],
  ["proxy", "NOT_HTTP", /is one for CONNECT/],
  ["proxy", "TIMEOUT", /is one for CONNECT/],
  ["tls", "CERT_HAS_EXPIRED", /NODE_EXTRA_CA_CERTS/],
] as const)("behind a proxy, for %s, %s", (step, cause, advice) => {
  const options = { subject: subject("k"), isProxied: true };
  expect(connectionAdvice({ step, cause }, options)).toMatch(advice);
});
