/**
 * `node start.mjs edge|worker`, as what PM2 starts: gives the process an admin port of its own and becomes the service.
 *
 * PM2 runs all processes in one cluster, in which processes that ask for one port share it. One after the other would
 * answer a scrape. Its own `increment_var` counts at the first start only; a reload of the ecosystem file gives
 * all of them the first port again. The number of an instance stays, through reloads and `pm2 scale`.
 */
import { argv, env } from "node:process";

const [service] = argv.slice(2);
const name = `${service.toUpperCase()}_ADMIN_PORT`;
const first = Number(env[name]);
if (first > 0) env[name] = String(first + Number(env.NODE_APP_INSTANCE));
await import(`../../services/${service}/dist/main.js`);
