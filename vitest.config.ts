import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./tests/longest-first.ts";
import { isFull, SUITES, sizeOf } from "./tests/suites.ts";

// Workspace packages are read from source ("source" condition), so a unit test never sees a stale build.
const conditions = ["source", "node", "import", "default"];
// Vitest gives Node these conditions too, and Vercel's packages end in one with a "source" that only Vite reads.
const inlined = [/^@openclaw\//, /\/node_modules\/(ai|@ai-sdk|eventsource-parser)\//];

type Settings = NonNullable<TestProjectInlineConfiguration["test"]>;

/** Groups of projects run one after the other. Of the files of one group, `maxWorkers` run side by side. */
function inOrder(
  ...groups: readonly { readonly maxWorkers: number; readonly projects: readonly Settings[] }[]
): TestProjectInlineConfiguration[] {
  return groups.flatMap(({ maxWorkers, projects }, groupOrder) =>
    projects.map((settings) => ({
      resolve: { conditions },
      ssr: { noExternal: inlined, resolve: { conditions, externalConditions: conditions } },
      test: {
        ...settings,
        exclude: ["**/node_modules/**", "**/dist/**", ...(settings.exclude ?? [])],
        maxWorkers,
        sequence: { groupOrder },
      },
    })),
  );
}

const suites = Object.values(SUITES);
const filesOf = (alone: boolean) =>
  suites.filter((one) => one.alone === alone).map(({ file }) => file);

/** What measures latency by the clock, or floods, whatever its N. */
const MEASURED = [
  "tests/warm/**/*.test.ts",
  "tests/e2e/load.test.ts",
  "tests/e2e/places.test.ts",
  "tests/e2e/strangers.test.ts",
];

/** What looks at which modules its process has loaded. */
const LOADING = ["shared/tracing/src/tracing.test.ts"];

/** Rolls under answers that take a minute in full. */
const ROLLED = "tests/containers/compose.test.ts";

/** The one long suite that needs nothing but itself. */
const ORACLE = "tests/oracle/**/*.test.ts";

/** In full, only what has more to it than with every change. */
const unlessFull = (...include: readonly string[]) => (isFull ? [] : [...include]);

const redis = { globalSetup: ["shared/testing/src/vitest-redis.ts"] };
/** Clusters of processes that need a moment to start, and longer on a busy machine. */
const processes = { ...redis, testTimeout: 300_000, hookTimeout: 300_000 };

/** Loading the same modules for every file would take most of the time. */
const quick = { isolate: false, testTimeout: 120_000, hookTimeout: 120_000 };

const unit = {
  name: "unit",
  include: [...unlessFull("{services,shared,tests}/**/*.test.ts"), ORACLE],
  exclude: [
    ...LOADING,
    "**/*.redis.test.ts",
    "tests/{e2e,warm,clients,slow,skew,containers}/**",
    "tests/chaos/chaos.test.ts",
  ],
  ...quick,
};

const withRedis = {
  name: "redis",
  include: unlessFull("{services,shared}/**/*.redis.test.ts"),
  ...redis,
  ...quick,
};

/** What mostly waits. */
const e2e = {
  name: "e2e",
  include: [...unlessFull("tests/{e2e,slow}/**/*.test.ts"), ...filesOf(false)],
  exclude: [...filesOf(true), ...MEASURED, ORACLE],
  ...processes,
  maxConcurrency: sizeOf("redis-faults"),
};

const clients = {
  name: "clients",
  include: unlessFull("tests/clients/**/*.test.ts"),
  ...processes,
  // Most of its tests wait for a fault to run its course.
  maxConcurrency: 16,
};

/** What measures latency, or keeps every core busy. */
const alone = {
  name: "alone",
  include: [...unlessFull(...LOADING, ...MEASURED), ...filesOf(true)],
  ...processes,
};

const containers = {
  name: "containers",
  include: [...unlessFull("tests/containers/**/*.test.ts"), ROLLED],
  globalSetup: ["tests/containers/images.ts"],
  // There is no image of its reaper everywhere; what a test starts, it removes.
  env: { TESTCONTAINERS_RYUK_DISABLED: "true" },
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: inOrder(
      { maxWorkers: 6, projects: [unit, withRedis] },
      { maxWorkers: isFull ? 1 : 4, projects: [e2e] },
      { maxWorkers: 1, projects: [clients, alone] },
      { maxWorkers: 2, projects: [containers] },
    ),
  },
});
