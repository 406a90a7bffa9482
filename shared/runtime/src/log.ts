import { type LevelWithSilent, type Logger, pino } from "pino";

export type { Logger };

export type LogLevel = LevelWithSilent;

/**
 * The process's logger: one JSON object a line on stdout. Messages are fixed lower-case phrases,
 * facts are fields. Prompt and answer text never goes in.
 */
export function createLogger({ service, level }: { service: string; level: LogLevel }): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Keys are never passed on purpose; this catches a whole config object logged by mistake.
    redact: { paths: ["apiKey", "*.apiKey", "*.*.apiKey", "authorization", "*.authorization"] },
  };
  // Synchronous: an asynchronous destination whose reader is gone retries for ever at exit, and a
  // process whose parent was killed would never leave.
  return pino(options, pino.destination({ fd: 1, sync: true }));
}
