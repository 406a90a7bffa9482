/**
 * PM2 starts `node start.mjs edge|worker`. The script gives the process an admin port of its own and becomes the service.
 *
 * PM2 runs all processes in one cluster, and processes that ask for the same port share it. Each scrape would then
 * reach another process. PM2's own `increment_var` counts only at the first start: a reload of the ecosystem file gives
 * all processes the first port again. The number of an instance stays the same through reloads and `pm2 scale`.
 */
import { argv, env } from "node:process";

const [service] = argv.slice(2);
const name = `${service.toUpperCase()}_ADMIN_PORT`;
const first = Number(env[name]);
if (first > 0) env[name] = String(first + Number(env.NODE_APP_INSTANCE));
await import(`../../services/${service}/dist/main.js`);
