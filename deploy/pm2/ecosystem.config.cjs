/**
 * The gateway under PM2, on one machine beside your own Redis:
 *
 *     REDIS_URL=redis://127.0.0.1:6379 pm2 start deploy/pm2/ecosystem.config.cjs
 *     pm2 reload claw-streaming-gateway     # after `npm run build`, or to change the environment: --update-env
 *
 * Cluster mode is for `reload`. It starts each replacement, waits until the replacement is ready, and only then tells
 * the old process to leave. The edges of one machine share their port by themselves.
 *
 * Each process serves /metrics, /livez and /readyz on a port of its own on 127.0.0.1: edges from 9464 on, workers from
 * 9564 on. EDGE_ADMIN_PORT and WORKER_ADMIN_PORT set the first port. During a reload the new process and the leaving
 * process share a port.
 */
const { join } = require("node:path");

const root = join(__dirname, "..", "..");
const { EDGES = "2", WORKERS = "2" } = process.env;
const { EDGE_ADMIN_PORT = "9464", WORKER_ADMIN_PORT = "9564" } = process.env;

/** PM2 kills a process after this time: 10 s longer than the service drains. */
function killAfterMs(service) {
  const told = Number(process.env[`${service.toUpperCase()}_DRAIN_MS`] || Number.NaN);
  return (Number.isFinite(told) ? told : 130_000) + 10_000;
}

function app(service, instances, env) {
  return {
    name: `claw-streaming-gateway-${service}`,
    namespace: "claw-streaming-gateway",
    // Relative to `cwd`. PM2 takes a path with a space, such as a checkout below "My Projects", for a command line.
    script: "deploy/pm2/start.mjs",
    args: [service],
    env,
    // The services look for gateway.config.json here.
    cwd: root,
    exec_mode: "cluster",
    instances: Number(instances),
    wait_ready: true,
    listen_timeout: 15_000,
    kill_timeout: killAfterMs(service),
    // A process that crashes is started again more and more slowly, up to every 15 s.
    exp_backoff_restart_delay: 200,
  };
}

module.exports = {
  apps: [app("worker", WORKERS, { WORKER_ADMIN_PORT }), app("edge", EDGES, { EDGE_ADMIN_PORT })],
};
