/** How edges name sessions in their logs, where they were given this key. */
import { createSessionHash } from "../../services/edge/src/telemetry/ended-runs.ts";

export const SESSION_KEY = { EDGE_LOG_SESSION_KEY: "the-key-of-these-tests" };

export const hashOf = createSessionHash(SESSION_KEY.EDGE_LOG_SESSION_KEY);
