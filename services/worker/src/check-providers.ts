/** `npm run providers`: checks the configured providers and exits with what came of it. */
import { runCheck } from "./check/run-check.ts";

// A lookup that was given up on may go on; it must not hold the exit.
process.exit(await runCheck(process.argv.slice(2)));
