/** `npm start`: the whole gateway on this machine. */
import { runLauncher } from "./run-launcher.ts";

// Children that would not go have been killed by now; a handle that lingers must not hold the exit.
process.exit(await runLauncher(process.argv.slice(2)));
