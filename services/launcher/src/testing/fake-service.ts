/** Services that do nothing but live and die as told: scripts for real child processes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServicePaths } from "../config.ts";

/** Starts, says so, and leaves on SIGTERM or with its parent, as a real service does. */
export const OBEDIENT = `
const leave = (why) => { console.log("left: " + why); process.exit(0); };
process.on("SIGTERM", () => leave("SIGTERM"));
process.on("SIGINT", () => leave("SIGINT"));
process.on("disconnect", () => process.exit(0));
console.log("pid " + process.pid);
process.send({ type: "ready" });
`;

export const STUBBORN = `
process.on("SIGTERM", () => console.log("will not go"));
process.on("disconnect", () => process.exit(0));
console.log("pid " + process.pid);
process.send({ type: "ready" });
`;

export const DIES_STARTING = `
console.error("cannot find my shoes");
process.exit(3);
`;

/** Logs, and then ends as Node does with an uncaught error. */
export const CRASHES_AT_LENGTH = `
for (let line = 0; line < 30; line += 1) console.log("looking around " + line);
console.error("Error: no room at the inn");
for (let frame = 0; frame < 60; frame += 1) console.error("    at frame " + frame);
process.exit(1);
`;

export const NEVER_READY = `
process.on("disconnect", () => process.exit(0));
console.log("still thinking");
`;

export const SIMULATOR = `
import { createServer } from "node:http";
const server = createServer().listen(Number(process.env.SIMULATOR_PORT), "127.0.0.1", () => {
  process.send({ type: "listening", url: "http://127.0.0.1:" + server.address().port });
  ${OBEDIENT}
});
`;

export async function writeScript(directory: string, name: string, code: string): Promise<string> {
  const path = join(directory, `${name}.mjs`);
  await writeFile(path, code);
  return path;
}

export async function writeServices(
  directory: string,
  { edge = OBEDIENT, worker = OBEDIENT, simulator = SIMULATOR, edgeCheck = "" } = {},
): Promise<ServicePaths> {
  return {
    edge: await writeScript(directory, "edge", edge),
    worker: await writeScript(directory, "worker", worker),
    simulator: await writeScript(directory, "simulator", simulator),
    edgeCheck: await writeScript(directory, "edge-check", edgeCheck),
  };
}
