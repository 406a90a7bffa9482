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
