/**
 * `keys.env`, which Docker Compose reads beside the configuration and gives to edges and workers.
 *
 * Outside of single quotes Compose takes `$` and the letters behind it for a variable, and puts its value there:
 * mostly nothing. A key with a `$` is then shorter than it was, and its provider refuses it. The file is mounted
 * where the
 * configuration is, so a process can compare.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gatewayConfigPath } from "./load-gateway-config.ts";
import { ConfigError } from "./problem.ts";

const NAME = "keys.env";
const LINE = /^\s*(?:export\s+)?([\w.-]+)\s*[=:]\s*(.*?)\s*$/;
const ADVICE =
  "Docker Compose has replaced a $ and the letters behind it; put the value in single quotes";

/**
 * Compares what stands in `keys.env` with what this process was given.
 *
 * @throws ConfigError with the name of each variable that has lost a part; never a value
 */
export function assertKeysWhole(env: NodeJS.ProcessEnv): void {
  const path = join(dirname(gatewayConfigPath(env) ?? NAME), NAME);
  const problems = linesOf(path).flatMap((line) => {
    const [, name = "", written = ""] = LINE.exec(line) ?? [];
    return isShortened(written, env[name]) ? [`${name}: ${ADVICE}`] : [];
  });
  if (problems.length > 0) throw new ConfigError(path, problems);
}

function linesOf(path: string): string[] {
  try {
    return new TextDecoder("utf-8").decode(readFileSync(path)).split(/\r\n|\r|\n/);
  } catch {
    return []; // The file may be missing, and this process may have no right to read it.
  }
}

/** Whether `given` can be what Compose has made of what was `written`. */
function isShortened(written: string, given: string | undefined): boolean {
  if (given === undefined || written.startsWith("'") || written.startsWith("#")) return false;
  const text = written.startsWith('"')
    ? (/^"((?:\\.|[^"\\])*)"/.exec(written)?.[1] ?? "").replaceAll("\\$", "$$$$")
    : written.replace(/\s+#.*$/, "");
  // "$$" is how Compose spells a "$".
  const before = /^((?:[^$]|\$\$|\$(?![A-Za-z_$]))*)\$[A-Za-z_]/.exec(text)?.[1];
  if (before === undefined || given === text) return false;
  return given.startsWith(before.replaceAll("$$", "$"));
}
