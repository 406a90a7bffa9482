import type { LiveGatewayConfig } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import type { EdgeConfig } from "./config.ts";

/** What every component of an edge may be made with. */
export interface EdgeDeps {
  readonly config: EdgeConfig;
  readonly gateway: LiveGatewayConfig;
  /** This edge, as the cluster knows it. */
  readonly node: string;
  readonly log: Logger;
}
