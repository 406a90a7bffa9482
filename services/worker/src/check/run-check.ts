/** The program: from the command line to an exit code. */
import { ConfigError } from "@openclaw/config";
import { createLogger } from "@openclaw/runtime";
import { checkAll } from "./check-all.ts";
import { type CheckCommand, HELP, readCheckSettings, UsageError } from "./config.ts";
import { StarterFileError, writeStarterFile } from "./starter-file.ts";
import { chooseSubjects } from "./subjects.ts";
import { jsonOf, openingOf, summaryOf } from "./summary.ts";

const EXIT = { ok: 0, failed: 1, unusable: 2 } as const;

const out = (text: string) => void process.stdout.write(`${text}\n`);
const err = (text: string) => void process.stderr.write(`${text}\n`);

/** Resolves with the exit code. Rejects only for a fault of the program. */
export async function runCheck(argv: readonly string[]): Promise<number> {
  try {
    const { command, env } = readCheckSettings(argv);
    switch (command.name) {
      case "help":
        out(HELP);
        return EXIT.ok;
      case "init":
        out(writeStarterFile(command.path, env));
        return EXIT.ok;
      case "check":
        return await check(command, env);
    }
  } catch (error) {
    if (!isForUser(error)) throw error;
    err(error.message);
    return EXIT.unusable;
  }
}

function isForUser(error: unknown): error is Error {
  return (
    error instanceof UsageError || error instanceof ConfigError || error instanceof StarterFileError
  );
}

async function check(
  { only, timeoutMs, json }: Extract<CheckCommand, { name: "check" }>,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { subjects, targets, source } = chooseSubjects(only, env);
  if (!json) out(openingOf(subjects, source));
  // The errors have everything; log lines of the worker's client would break the table.
  const log = createLogger({ service: "providers", level: "silent" });
  const reports = await checkAll(subjects, { targets, timeoutMs, log });
  out(json ? jsonOf(reports, targets) : summaryOf(reports, targets));
  return reports.some(({ verdict }) => verdict === "fail") ? EXIT.failed : EXIT.ok;
}
