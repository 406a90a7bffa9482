import type { Profile, ProfileTable } from "./profiles/profiles.ts";

export interface ProfileRoute {
  /** `result`: of a request that was accepted for later. */
  readonly kind: "chat" | "models" | "result" | "unknown";
  readonly name: string;
  readonly profile: Profile;
}

/** The simulator's own endpoints, for tests and operators. */
export type ControlKind = "stats" | "reset" | "faults" | "set faults";

export type Route = ProfileRoute | { readonly kind: ControlKind };

const ENDPOINTS: Readonly<Record<string, "chat" | "models">> = {
  "POST /v1/chat/completions": "chat",
  "GET /v1/models": "models",
};

/** Where NVIDIA has the results of its 202s; at a host of its own there. */
const RESULT = /^GET \/v2\/nvcf\/pexec\/status\/[\w-]+$/;

const OWN: Readonly<Record<string, ControlKind>> = {
  "GET /_sim/stats": "stats",
  "POST /_sim/reset": "reset",
  "GET /_sim/faults": "faults",
  "PUT /_sim/faults": "set faults",
};

/**
 * `/{profile}/v1/...`, or `/v1/...` for the reference profile. An unknown path
 * has a profile too, in whose words it is refused.
 */
export function routeOf(method: string, url: string, profiles: ProfileTable): Route {
  const [path = ""] = url.split("?", 1);
  const own = OWN[`${method} ${path}`];
  if (own !== undefined) return { kind: own };
  const [, first = ""] = path.split("/", 2);
  const named = Object.hasOwn(profiles, first) ? profiles[first] : undefined;
  const rest = named === undefined ? path : path.slice(first.length + 1);
  return {
    kind:
      ENDPOINTS[`${method} ${rest}`] ?? (RESULT.test(`${method} ${rest}`) ? "result" : "unknown"),
    name: named === undefined ? "openai" : first,
    profile: named ?? profiles.openai,
  };
}
