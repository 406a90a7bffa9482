/** Takes over changes of the configuration while the process runs: when its file changes, and on SIGHUP. */
import { type Component, FileWatch, type Logger, listenForHangup } from "@openclaw/runtime";
import type { LiveGatewayConfig } from "./live-gateway-config.ts";

export interface GatewayConfigWatchOptions {
  readonly gateway: LiveGatewayConfig;
  readonly log: Logger;
}

/** Starts before everything else, so that SIGHUP ends no process that has just begun. */
export class GatewayConfigWatch implements Component {
  readonly name = "configuration";
  readonly #options: GatewayConfigWatchOptions;
  readonly #file: FileWatch | undefined;
  #unlisten: () => void = () => undefined;

  constructor(options: GatewayConfigWatchOptions) {
    this.#options = options;
    const { path } = options.gateway;
    if (path === undefined) return;
    this.#file = new FileWatch({ path, log: options.log, onChange: () => this.#reload("file") });
  }

  async start(): Promise<void> {
    this.#unlisten = listenForHangup(() => this.#reload("SIGHUP"));
    if (!this.#file) return;
    await this.#file.start();
    // The file was read before this watch began.
    this.#reload("start");
  }

  async stop(): Promise<void> {
    this.#unlisten();
    await this.#file?.stop();
  }

  #reload(cause: "file" | "SIGHUP" | "start"): void {
    const { gateway, log } = this.#options;
    const { path } = gateway;
    if (path === undefined) {
      log.info({ cause }, "configuration not from a file, nothing to reload");
      return;
    }
    const reload = gateway.reload();
    if (reload.outcome === "refused") {
      const { problems } = reload;
      log.error({ cause, path, problems }, "configuration refused, the one before stays");
    } else if (reload.outcome === "changed") {
      log.info({ cause, path, ...reload.changes }, "configuration reloaded");
    } else {
      // An operator that asked gets an answer; a file that only looks different is not news.
      log[cause === "SIGHUP" ? "info" : "debug"]({ cause, path }, "configuration unchanged");
    }
  }
}
