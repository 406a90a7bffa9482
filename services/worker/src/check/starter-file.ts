/** `--init`: writes a configuration to start with. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { starterConfig, starterVariables } from "@openclaw/config";

/** The file was not written. The message has the reason and what to do. */
export class StarterFileError extends Error {
  readonly code = "starter_not_written";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StarterFileError";
  }
}

/**
 * Writes the starter file, and returns the next steps.
 *
 * @throws StarterFileError if the file exists already, or cannot be written
 */
export function writeStarterFile(path: string, env: NodeJS.ProcessEnv): string {
  const full = resolve(path);
  try {
    // The system refuses to overwrite, so a file that appears at this moment is safe too.
    writeFileSync(full, starterConfig(), { flag: "wx" });
  } catch (cause) {
    throw new StarterFileError(reasonOf((cause as NodeJS.ErrnoException).code, full), { cause });
  }
  const missing = starterVariables().filter((name) => !env[name]);
  return [
    `Wrote ${full}: every field is explained there.`,
    missing.length === 0
      ? "The variables of all keys are set."
      : `Set ${missing.join(", ")}, or delete the providers that you have no key for.`,
    `Then check it: npm run providers -- --config ${full}`,
    `And use it: GATEWAY_CONFIG=${full} npm start`,
  ].join("\n");
}

function reasonOf(code: string | undefined, path: string): string {
  if (code === "EEXIST") {
    return `${path} exists already and is not changed: give another path, as in --init my.config.json.`;
  }
  return `${path} cannot be written (${code ?? "unknown error"}): does the folder exist, and may you write there?`;
}
