/** `npm run chaos -- --minutes M --seed S --users N`: chaos for as long as asked, repeatable by its seed. */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    users: { type: "string", default: "200" },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0)) {
    console.error(`--${name} must be a number above 0, not "${value}".`);
    process.exit(1);
  }
}
const { status } = spawnSync("npx", ["vitest", "run", "tests/chaos/chaos.test.ts"], {
  stdio: "inherit",
  env: {
    ...process.env,
    CHAOS_MINUTES: values.minutes,
    CHAOS_SEED: values.seed,
    CHAOS_USERS: values.users,
  },
});
process.exit(status ?? 1);
