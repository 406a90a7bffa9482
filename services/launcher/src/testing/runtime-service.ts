/**
 * The smallest service made of the real `runService` and the real log, at its most talkative. With IDLE_DRAIN_MS it has
 * work in flight that is never done, and drains for so long.
 */
import { type Component, createLogger, runService } from "@openclaw/runtime";

const { IDLE_DRAIN_MS: drainMs } = process.env;
let alive: NodeJS.Timeout | undefined;

const idle: Component = {
  name: "idle",
  start: async () => {
    alive = setInterval(() => undefined, 1_000);
  },
  drain: (signal) =>
    new Promise((resolve) => {
      if (drainMs === undefined) resolve();
      signal.addEventListener("abort", () => resolve());
    }),
  stop: async () => clearInterval(alive),
};

const log = createLogger({ service: "idle", level: "trace" });
await runService({ log, components: [idle], drainMs: Number(drainMs ?? 1_000) });
