/**
 * Vitest's global set-up: the images are built once, and whatever a test started is removed in the end.
 *
 * A process of its own removes them. It begins when this one closes its pipe or is gone, so a failed test, a Ctrl-C and
 * a killed runner leave no images either.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { TestProject } from "vitest/node";
import { command, TEST_LABEL, TEST_TAG } from "./docker.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The compose project, and the value of the label, of everything that this run starts. */
    readonly containerSession: string;
  }
}

const BUILD_WITHIN_MS = 300_000;
const IMAGES = ["edge", "worker", "simulator"];

/** Arguments: the session, the label, and images. Of these, the layers stay in the builder's cache. */
const REMOVE = `
cat >/dev/null
for filter in "com.docker.compose.project=$1" "$2=$1"; do
  docker ps --all --quiet --filter "label=$filter" | xargs -r docker rm --force --volumes
  docker network ls --quiet --filter "label=$filter" | xargs -r docker network rm
  docker volume ls --quiet --filter "label=$filter" | xargs -r docker volume rm
done
shift 2
docker image rm "$@"
`;

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const session = `openclaw-test-${randomUUID().slice(0, 8)}`;
  project.provide("containerSession", session);
  const images = IMAGES.map((name) => `openclaw/${name}:${TEST_TAG}`);
  const remover = spawn("sh", ["-c", REMOVE, "remover", session, TEST_LABEL, ...images], {
    // Its own session: a Ctrl-C is for the tests.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const removed = once(remover, "exit");
  await command(
    ["docker", "compose", "--env-file", ".env.example", "--profile", "demo", "build", ...IMAGES],
    { env: { OPENCLAW_VERSION: TEST_TAG, DOCKER_BUILDKIT: "1" }, withinMs: BUILD_WITHIN_MS },
  );
  return async () => {
    remover.stdin.end();
    await removed;
  };
}
