/** Which of Vitest's projects cannot or shall not run here, and why. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

const PULLED_WITHIN_MS = 180_000;
const SERVERS = ["redis-server", "valkey-server"];
/** As `vitest.config.ts` names them. */
export const PROJECTS = ["unit", "redis", "e2e", "clients", "alone", "containers"];
const WITHOUT_REDIS = ["unit", "containers"];

/** @returns the projects that run here, and of the others `{what, reason}` */
export function chooseProjects() {
  const hasRedis = SERVERS.some((server) => succeeds(server, "--version"));
  const reasons = PROJECTS.map((project) => [project, reasonAgainst(project, hasRedis)]);
  return {
    chosen: PROJECTS.filter((_, at) => reasons[at][1] === undefined),
    leftOut: reasons
      .filter(([, reason]) => reason !== undefined)
      .map(([project, reason]) => ({ what: `tests of ${project}`, reason })),
  };
}

function reasonAgainst(project, hasRedis) {
  if (project === "containers") return reasonAgainstContainers();
  if (hasRedis || WITHOUT_REDIS.includes(project)) return undefined;
  return `no ${SERVERS.join(" or ")} on the PATH`;
}

function reasonAgainstContainers() {
  if (process.env.CONTAINERS === "0") return "CONTAINERS=0";
  if (!succeeds("docker", "version")) return "no Docker engine answers";
  if (!succeeds("docker", "compose", "version")) return "docker has no compose";
  const missing = publicImages().filter(
    (image) => !succeeds("docker", "image", "inspect", image) && !isPulled(image),
  );
  return missing.length > 0 ? `cannot be pulled: ${missing.join(", ")}` : undefined;
}

/** Of the services that the tests start, and of the Dockerfile. */
function publicImages() {
  const { services } = parse(readFileSync("docker-compose.yml", "utf8"));
  const started = ["redis", "load-balancer", "prometheus"].map((name) => services[name].image);
  const [, base] = /^FROM (\S+)/m.exec(readFileSync("deploy/docker/Dockerfile", "utf8"));
  return [...started, base];
}

function isPulled(image) {
  return (
    spawnSync("docker", ["pull", "--quiet", image], { timeout: PULLED_WITHIN_MS }).status === 0
  );
}

function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}
