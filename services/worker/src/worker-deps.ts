import type { LiveGatewayConfig } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import type { WorkerConfig } from "./config.ts";

/** What every component of a worker may be made with. */
export interface WorkerDeps {
  readonly config: WorkerConfig;
  readonly gateway: LiveGatewayConfig;
  /** This worker, as the cluster knows it. */
  readonly node: string;
  readonly log: Logger;
}
