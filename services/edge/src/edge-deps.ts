import type { LiveGatewayConfig } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import type { EdgeConfig } from "./config.ts";

/** What every component of an edge may use. */
export interface EdgeDeps {
  readonly config: EdgeConfig;
  readonly gateway: LiveGatewayConfig;
  /** The name of this edge in the cluster. */
  readonly node: string;
  readonly log: Logger;
}
