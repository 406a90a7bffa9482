/**
 * The gateway under PM2, on one machine beside a Redis of yours:
 *
 *     REDIS_URL=redis://127.0.0.1:6379 pm2 start deploy/pm2/ecosystem.config.cjs
 *     pm2 reload claw-streaming-gateway     # after `npm run build`, or to change the environment: --update-env
 *
 * Cluster mode is for `reload`. It starts each replacement and waits until it says that it is ready. Only then it tells
 * the old process to leave. The edges of one machine share their port by themselves.
 *
 * /metrics, /livez and /readyz of each process are on a port of its own on 127.0.0.1: edges from 9464 on, workers from
 * 9564 on. EDGE_ADMIN_PORT and WORKER_ADMIN_PORT say where the first one is. During a reload the new
 * process and the old one share theirs.
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
    // From `cwd`: a script with a space in it, as of a checkout below "My Projects", PM2 takes for a command line.
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
    // PM2 starts a process that cannot live more and more slowly, up to every 15 s.
    exp_backoff_restart_delay: 200,
  };
}

module.exports = {
  apps: [app("worker", WORKERS, { WORKER_ADMIN_PORT }), app("edge", EDGES, { EDGE_ADMIN_PORT })],
};
