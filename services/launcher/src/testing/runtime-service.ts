/** The smallest service made of the real `runService` and the real log, at its most talkative. */
import { createLogger, type Part, runService } from "@openclaw/runtime";

let alive: NodeJS.Timeout | undefined;

const idle: Part = {
  name: "idle",
  start: async () => {
    alive = setInterval(() => undefined, 1_000);
  },
  stop: async () => clearInterval(alive),
};

const log = createLogger({ service: "idle", level: "trace" });
await runService({ log, parts: [idle], drainMs: 1_000 });
