/** The memory that is shipped for an edge is enough for the most that one stranger's address may have it keep. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { edgeEnvSchema } from "../../services/edge/src/config.ts";
import { USUAL_MAX_CONNECTIONS } from "../../services/edge/src/socket/address-limit.ts";

const MIB = 1024 * 1024;
const { EDGE_INBOUND_BYTES, EDGE_MAX_CONVERSATION_BYTES } = edgeEnvSchema.parse({
  REDIS_URL: "redis://redis",
});
const FRAME_BYTES = 2 * EDGE_MAX_CONVERSATION_BYTES;
const STRANGERS_MIB = (2 * EDGE_INBOUND_BYTES + USUAL_MAX_CONNECTIONS * FRAME_BYTES) / MIB;

test.each([
  ["docker-compose.yml", /EDGE_MEMORY:-(\d+)m\}/],
  [".env.example", /^EDGE_MEMORY=(\d+)m$/m],
  ["deploy/kubernetes/edge.yaml", /limits: \{ memory: (\d+)Mi \}/],
])("of %s", (file, memory) => {
  const [, mib] = memory.exec(readFileSync(file, "utf8")) ?? [];
  // Node takes half of its container's memory for its heap.
  expect(Number(mib) / 2).toBeGreaterThanOrEqual(STRANGERS_MIB);
});
