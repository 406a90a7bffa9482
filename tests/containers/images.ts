/** Vitest's global set-up: the images are built once, and whatever a test left behind is removed. */
import { randomUUID } from "node:crypto";
import type { TestProject } from "vitest/node";
import { command, docker, dockerLines, TEST_LABEL, TEST_TAG } from "./docker.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The compose project, and the value of the label, of everything that this run starts. */
    readonly containerSession: string;
  }
}

const BUILD_WITHIN_MS = 300_000;

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const session = `openclaw-test-${randomUUID().slice(0, 8)}`;
  project.provide("containerSession", session);
  const images = ["edge", "worker", "simulator"];
  await command(
    ["docker", "compose", "--env-file", ".env.example", "--profile", "demo", "build", ...images],
    { env: { OPENCLAW_VERSION: TEST_TAG, DOCKER_BUILDKIT: "1" }, withinMs: BUILD_WITHIN_MS },
  );
  return async () => {
    await removeAll(`label=com.docker.compose.project=${session}`);
    await removeAll(`label=${TEST_LABEL}=${session}`);
    // Their layers stay in the builder's cache: the next build takes seconds.
    await docker("image", "rm", ...images.map((name) => `openclaw/${name}:${TEST_TAG}`));
  };
}

async function removeAll(filter: string): Promise<void> {
  const containers = await dockerLines("ps", "--all", "--quiet", "--filter", filter);
  if (containers.length > 0) await docker("rm", "--force", "--volumes", ...containers);
  for (const kind of ["network", "volume"]) {
    const left = await dockerLines(kind, "ls", "--quiet", "--filter", filter);
    if (left.length > 0) await docker(kind, "rm", ...left);
  }
}
