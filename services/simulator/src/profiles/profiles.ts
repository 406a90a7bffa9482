import type { Dialect } from "./dialect.ts";
import { nvidia } from "./nvidia.ts";
import { openai } from "./openai.ts";
import { tencent } from "./tencent.ts";
import { zhipu } from "./zhipu.ts";

/** How fast a provider is, seen from the gateway. */
export interface Timing {
  /** What TCP and TLS to a far host would cost; paid once per socket, counted from its accept. */
  readonly connectMs: number;
  readonly firstTokenMs: number;
  /** The first token comes this much earlier or later, chosen by the request. */
  readonly jitterMs: number;
  /** `Infinity` sends everything at once. */
  readonly piecesPerSecond: number;
}

export interface Profile {
  readonly dialect: Dialect;
  readonly timing: Timing;
  /** What `GET /models` lists; any other name is answered as well, except `missing-model`. */
  readonly models: readonly string[];
}

/** Profiles by the name in the path. A path without a name is `openai`. */
export type ProfileTable = Readonly<Record<string, Profile>> & { readonly openai: Profile };

const OVERSEAS: Timing = { connectMs: 180, firstTokenMs: 450, jitterMs: 120, piecesPerSecond: 60 };

export const PROFILES = {
  nvidia1: {
    dialect: nvidia,
    timing: OVERSEAS,
    models: ["nvidia/nemotron-3-nano-30b-a3b", "nvidia/nemotron-3-super-120b-a12b"],
  },
  nvidia2: {
    dialect: nvidia,
    timing: OVERSEAS,
    models: ["openai/gpt-oss-20b", "openai/gpt-oss-120b"],
  },
  zhipu: {
    dialect: zhipu,
    timing: { connectMs: 30, firstTokenMs: 220, jitterMs: 60, piecesPerSecond: 80 },
    models: ["glm-4.7-flash", "glm-5.3"],
  },
  hunyuan: {
    dialect: tencent,
    timing: { connectMs: 30, firstTokenMs: 250, jitterMs: 60, piecesPerSecond: 70 },
    models: ["hy3", "hy4-preview"],
  },
  openai: {
    dialect: openai,
    timing: { connectMs: 0, firstTokenMs: 20, jitterMs: 5, piecesPerSecond: 200 },
    models: ["sim-model"],
  },
} as const satisfies ProfileTable;

export type ProfileName = keyof typeof PROFILES;

/** No waiting at all, for tests that are about something else. */
export const INSTANT: Timing = {
  connectMs: 0,
  firstTokenMs: 0,
  jitterMs: 0,
  piecesPerSecond: Number.POSITIVE_INFINITY,
};

/** The shipped profiles at another speed. */
export function profilesAt(timing: Partial<Timing>): Readonly<Record<ProfileName, Profile>> {
  const { nvidia1, nvidia2, zhipu, hunyuan, openai } = PROFILES;
  const at = (profile: Profile) => ({ ...profile, timing: { ...profile.timing, ...timing } });
  return {
    nvidia1: at(nvidia1),
    nvidia2: at(nvidia2),
    zhipu: at(zhipu),
    hunyuan: at(hunyuan),
    openai: at(openai),
  };
}
