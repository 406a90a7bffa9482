import { defineConfig } from "vitest/config";

/** Tests that are as wrong as `tests/runner/runner.test.ts` asks for. */
export default defineConfig({
  test: { name: "planted", include: ["*.planted.ts"], root: import.meta.dirname },
});
