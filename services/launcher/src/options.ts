/** What can be said on the command line. */
import { parseArgs } from "node:util";
import { LaunchError } from "./launch-error.ts";

export interface Options {
  readonly edges: number;
  readonly workers: number;
  /** Undefined where the environment decides. */
  readonly port: number | undefined;
  readonly help: boolean;
}

export const HELP = `Starts the whole gateway on this machine: Redis, workers and edges.

  npm start -- [options]

  --edges N     edge processes, all on one port (default 2)
  --workers N   worker processes (default 2)
  --port P      where clients connect (default EDGE_PORT, else 8001)
  --help        this text

  REDIS_URL         use this Redis instead of starting one
  GATEWAY_CONFIG    the configuration file (default ./gateway.config.json, if there is one)
  EDGE_HOST         address to listen on (default 127.0.0.1)
  EDGE_API_KEYS     keys that clients must show, with commas between them (default: none)
  EDGE_PUBLIC_URL   where users reach the gateway from outside, for its web pages
  EDGE_ALLOWED_ORIGINS  origins of other web pages that may use it, with commas between them
  LOG_LEVEL         of every process (default warn)

Without a configuration file, the providers whose key is set are used (NVIDIA1_API_KEY,
NVIDIA2_API_KEY, ZHIPU_API_KEY, HUNYUAN_API_KEY); without any key, all of them are simulated.`;

const MAX_PROCESSES = 64;

/** @throws LaunchError `bad_option` */
export function parseOptions(argv: readonly string[]): Options {
  const values = parse(argv);
  return {
    edges: wholeNumber("--edges", values.edges, MAX_PROCESSES) ?? 2,
    workers: wholeNumber("--workers", values.workers, MAX_PROCESSES) ?? 2,
    port: wholeNumber("--port", values.port, 65_535),
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
        edges: { type: "string" },
        workers: { type: "string" },
        port: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (cause) {
    const [sentence = ""] = (cause as Error).message.split(/\.(?:\s|$)/);
    throw new LaunchError("bad_option", `${sentence}. Try --help.`, { cause });
  }
}

/** @throws LaunchError `bad_option`, naming where the value came from */
export function wholeNumber(
  name: string,
  text: string | undefined,
  most: number,
): number | undefined {
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new LaunchError(
    "bad_option",
    `${name} must be a whole number from 1 to ${most}, not "${text}".`,
  );
}
