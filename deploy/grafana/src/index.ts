/** The dashboards, each of which is committed as JSON in deploy/grafana/dashboards; a test keeps them in step. */
import { cluster } from "./cluster.ts";
import { providers } from "./providers.ts";
import { runAnatomy } from "./run-anatomy.ts";
import { usersView } from "./users-view.ts";

/** By the name of their file. */
export const DASHBOARDS = {
  "users-view": usersView,
  "run-anatomy": runAnatomy,
  cluster,
  providers,
} as const;

export { FIRED } from "./dashboard.ts";
