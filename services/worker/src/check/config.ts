/** The settings of the check, from the command line and the environment. */
import { parseArgs } from "node:util";
import { DEFAULT_FILE } from "@openclaw/config";

const DEFAULT_TIMEOUT_S = 60;
const MAX_TIMEOUT_S = 3_600;

export const HELP = `Checks the configured providers: whether each can be reached, accepts the key,
serves the model, streams, and answers within the latency targets of its region.

  npm run providers -- [options]

  --provider NAME    only this one; may be given several times
  --config PATH      the configuration (default GATEWAY_CONFIG, else
                     ./${DEFAULT_FILE}, else the shipped providers that
                     have a key)
  --timeout SECONDS  the longest that one provider may take (default ${DEFAULT_TIMEOUT_S})
  --json             print JSON; without npm's own lines:
                     npm run --silent providers -- --json
  --init [PATH]      check nothing; write a configuration to begin with, every
                     field explained (default ./${DEFAULT_FILE})
  --help             this text

Each is asked two small questions, or up to four where an answer was slow, for
at most 64 tokens each.

Exit code 0 when all is well or only warned about, 1 when a provider failed, 2
when the command or the configuration cannot be used.`;

export type CheckCommand =
  | { readonly name: "help" }
  | { readonly name: "init"; readonly path: string }
  | {
      readonly name: "check";
      /** Names of providers; if empty, all of them. */
      readonly only: readonly string[];
      readonly timeoutMs: number;
      readonly json: boolean;
    };

export interface CheckSettings {
  readonly command: CheckCommand;
  /** Holds the path of the configuration, and its variables. */
  readonly env: NodeJS.ProcessEnv;
}

/** The command line is wrong. The message has every problem, one a line. */
export class UsageError extends Error {
  readonly code = "bad_usage";

  constructor(problems: readonly string[]) {
    super([...problems, "Try: npm run providers -- --help"].join("\n"));
    this.name = "UsageError";
  }
}

/** @throws UsageError */
export function readCheckSettings(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): CheckSettings {
  const { values, positionals } = parse(argv);
  const { help, init, config, json = false, provider: only = [], timeout } = values;
  if (help) return { command: { name: "help" }, env };
  const problems = [
    ...strayArguments(positionals, init),
    ...(init && (json || only.length > 0 || config !== undefined)
      ? ["--init checks nothing: it takes only a path."]
      : []),
    ...(isTimeout(timeout)
      ? []
      : [`--timeout must be a number of seconds up to ${MAX_TIMEOUT_S}, not "${timeout}".`]),
    ...(config === "" ? ["--config must be the path of a file."] : []),
  ];
  if (problems.length > 0) throw new UsageError(problems);
  if (init) return { command: { name: "init", path: positionals[0] ?? DEFAULT_FILE }, env };
  return {
    command: { name: "check", only, json, timeoutMs: Number(timeout) * 1_000 },
    env: config === undefined ? env : { ...env, GATEWAY_CONFIG: config },
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        provider: { type: "string", multiple: true },
        config: { type: "string" },
        timeout: { type: "string", default: String(DEFAULT_TIMEOUT_S) },
        json: { type: "boolean" },
        init: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    // Node's message names the argument.
    throw new UsageError([(cause as Error).message]);
  }
}

/** Only `--init` takes an argument of its own. */
function strayArguments(positionals: readonly string[], init = false): string[] {
  return positionals
    .slice(init ? 1 : 0)
    .map((argument) => `"${argument}" is not understood; a provider is named with --provider.`);
}

function isTimeout(text: string): boolean {
  const seconds = Number(text);
  return text.trim() !== "" && seconds > 0 && seconds <= MAX_TIMEOUT_S;
}
