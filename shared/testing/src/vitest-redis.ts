/** Vitest's global set-up for suites that need Redis: one private server for the whole run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPrivateRedis } from "@openclaw/runtime";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    readonly redisUrl: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "openclaw-test-redis-"));
  const redis = await startPrivateRedis({ directory, removeIfAbandoned: directory });
  project.provide("redisUrl", redis.url);
  return async () => {
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
