/** The launcher as a program: from the command line to an exit code. */
import { ConfigError } from "@openclaw/config";
import { listenForStopSignals, PrivateRedisError } from "@openclaw/runtime";
import { readConfig, type ServicePaths } from "./config.ts";
import { LaunchError } from "./launch-error.ts";
import { Launcher } from "./launcher.ts";
import { HELP } from "./options.ts";
import { TERMINAL } from "./output.ts";

/** How long answers in hand may go on after Ctrl-C: the user waits for the prompt. */
const AT_A_TERMINAL_MS = 10_000;

/** Resolves with the exit code once everything has ended again. */
export async function runLauncher(
  argv: readonly string[],
  services?: ServicePaths,
): Promise<number> {
  try {
    const config = readConfig(argv, services);
    if (config.help) {
      TERMINAL.out(HELP);
      return 0;
    }
    return await runUntilSignal(new Launcher(config, TERMINAL));
  } catch (error) {
    TERMINAL.err(sentence(error));
    return 1;
  }
}

async function runUntilSignal(launcher: Launcher): Promise<number> {
  const { signalled, forced } = listenForSignals(launcher);
  let withinMs: number | undefined;
  try {
    const started = launcher.start().then(TERMINAL.out);
    // Once leaving, a start that fails is only the effect of it.
    const signal = await Promise.race([signalled, started.then(() => signalled)]);
    if (signal !== "SIGTERM") withinMs = AT_A_TERMINAL_MS;
    TERMINAL.out("Stopping.");
  } finally {
    await launcher.stop(withinMs);
  }
  return forced() ? 1 : 0;
}

function listenForSignals(launcher: Launcher) {
  let forced = false;
  const signalled = new Promise<string>((resolve) => {
    listenForStopSignals({
      hangup: true,
      onFirst: resolve,
      onAgain: () => {
        forced = true;
        launcher.kill();
      },
    });
  });
  return { signalled, forced: () => forced };
}

function sentence(error: unknown): string {
  const isForUser =
    error instanceof LaunchError ||
    error instanceof ConfigError ||
    error instanceof PrivateRedisError;
  if (isForUser) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
