import { defineConfig } from "vitest/config";

// Workspace packages are read from source ("source" condition), so a unit test never sees a stale build.
const conditions = ["source", "node", "import", "default"];
const fromSource = {
  resolve: { conditions },
  ssr: { noExternal: [/^@openclaw\//], resolve: { conditions, externalConditions: conditions } },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSource,
        test: {
          name: "unit",
          include: ["{services,shared,tests}/**/*.test.ts"],
          exclude: ["**/*.redis.test.ts", "tests/e2e/**", "**/node_modules/**", "**/dist/**"],
        },
      },
      {
        ...fromSource,
        test: {
          name: "redis",
          include: ["{services,shared}/**/*.redis.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          globalSetup: ["shared/testing/src/vitest-redis.ts"],
          testTimeout: 20_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          globalSetup: ["shared/testing/src/vitest-redis.ts"],
          // Each file runs a cluster of processes: one after the other on a small machine.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
