import { spawnSync } from "node:child_process";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

// Workspace packages are read from source ("source" condition), so a unit test never sees a stale build.
const conditions = ["source", "node", "import", "default"];
// Vitest gives Node these conditions too, and Vercel's packages end in one with a "source" that only Vite reads.
const inlined = [/^@openclaw\//, /\/node_modules\/(ai|@ai-sdk|eventsource-parser)\//];

function project(test: TestProjectInlineConfiguration["test"]): TestProjectInlineConfiguration {
  return {
    resolve: { conditions },
    ssr: { noExternal: inlined, resolve: { conditions, externalConditions: conditions } },
    test: { ...test, exclude: ["**/node_modules/**", "**/dist/**", ...(test?.exclude ?? [])] },
  };
}

/** So many files at once, whatever the machine has; Vitest wants projects that differ in this in an order. */
function together(maxWorkers: number, groupOrder: number) {
  return { maxWorkers, sequence: { groupOrder } };
}

// Where a suite runs clusters of processes, its files follow one another: the machine may be small.
const processes = {
  globalSetup: ["shared/testing/src/vitest-redis.ts"],
  fileParallelism: false,
};

/** Containers need an engine. Where none answers their tests are left out, and `npm test` says so. */
function containerTests(): string[] {
  const asked = process.env.CONTAINERS !== "0";
  const answers =
    asked && spawnSync("docker", ["version"], { stdio: "ignore", timeout: 5_000 }).status === 0;
  if (answers) return ["tests/containers/**/*.test.ts"];
  return leftOut("containers", asked ? "no Docker engine answers" : "CONTAINERS=0");
}

/** For who runs chaos by itself as well, and for longer. */
function chaosTests(): string[] {
  return process.env.CHAOS === "0" ? leftOut("chaos", "CHAOS=0") : ["tests/chaos/**/*.test.ts"];
}

function leftOut(suite: string, reason: string): string[] {
  if (process.env.npm_lifecycle_event?.startsWith("test")) {
    console.log(`tests/${suite} is left out: ${reason}`);
  }
  return [];
}

export default defineConfig({
  test: {
    projects: [
      project({
        name: "unit",
        include: ["{services,shared,tests}/**/*.test.ts"],
        ...together(2, 1),
        testTimeout: 20_000,
        exclude: ["**/*.redis.test.ts", "tests/{e2e,warm,chaos,clients,slow,containers}/**"],
      }),
      project({
        name: "redis",
        include: ["{services,shared}/**/*.redis.test.ts"],
        // They mostly wait.
        ...together(4, 2),
        globalSetup: ["shared/testing/src/vitest-redis.ts"],
        testTimeout: 20_000,
      }),
      project({
        name: "e2e",
        // What measures connections by the clock does so beside nothing else.
        include: ["tests/{e2e,warm}/**/*.test.ts"],
        ...processes,
        testTimeout: 60_000,
        hookTimeout: 60_000,
      }),
      project({
        name: "clients",
        include: ["tests/clients/**/*.test.ts"],
        ...processes,
        // Most of its tests wait for a fault to run its course.
        maxConcurrency: 16,
        testTimeout: 30_000,
        hookTimeout: 30_000,
      }),
      project({ name: "chaos", include: chaosTests(), ...processes }),
      project({
        name: "containers",
        include: containerTests(),
        globalSetup: ["tests/containers/images.ts"],
        fileParallelism: false,
        // There is no image of its reaper everywhere; what a test starts, it removes.
        env: { TESTCONTAINERS_RYUK_DISABLED: "true" },
        testTimeout: 120_000,
        hookTimeout: 120_000,
      }),
      project({
        name: "slow",
        include: ["tests/slow/**/*.test.ts"],
        ...processes,
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
    ],
  },
});
