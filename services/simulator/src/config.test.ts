import { expect, test } from "vitest";
import { loadConfig } from "./config.ts";

test("without any variable there are no faults", () => {
  expect(loadConfig({})).toMatchObject({ port: 8009, faults: { probability: {} }, unknown: [] });
});

test("faults come as JSON", () => {
  const SIMULATOR_FAULTS = '{"seed":7,"probability":{"cutAfter":0.1}}';
  expect(loadConfig({ SIMULATOR_FAULTS }).faults).toMatchObject({
    seed: 7,
    probability: { cutAfter: 0.1 },
  });
});

test.each(["{", '{"concurrency":{"nobody":1}}', '{"probability":{"sulk":1}}'])(
  "faults of %s keep it from starting, and the variable is named",
  (SIMULATOR_FAULTS) => {
    expect(() => loadConfig({ SIMULATOR_FAULTS })).toThrow(/SIMULATOR_FAULTS: /);
  },
);

test("a setting that there is not is answered with those that there are", () => {
  const SIMULATOR_FAULTS = '{"lateMs":1000}';
  expect(() => loadConfig({ SIMULATOR_FAULTS })).toThrow(/"lateMs"; there are seed, probability, /);
});

test("there is no TLS without its port", () => {
  expect(loadConfig({ SIMULATOR_HANDSHAKE_MS: "150" }).tls).toBeUndefined();
  const SIMULATOR_TLS_PORT = "0";
  expect(loadConfig({ SIMULATOR_TLS_PORT }).tls).toMatchObject({
    port: 0,
    handshakeMs: 0,
    http2: false,
  });
});

test("TLS is set by its variables", () => {
  const tls = loadConfig({
    SIMULATOR_TLS_PORT: "8443",
    SIMULATOR_TLS_CERT_FILE: "ca.pem",
    SIMULATOR_HANDSHAKE_MS: "150",
    SIMULATOR_HTTP2: "true",
  }).tls;
  expect(tls).toEqual({ port: 8443, certFile: "ca.pem", handshakeMs: 150, http2: true });
  expect(() => loadConfig({ SIMULATOR_TLS_PORT: "x" })).toThrow(/SIMULATOR_TLS_PORT: must be/);
});
