import type { ProviderKind } from "@openclaw/config";
import type { Dialect } from "./dialect.ts";
import { nvidia } from "./nvidia.ts";
import { openai } from "./openai.ts";
import { tencent } from "./tencent.ts";
import { zhipu } from "./zhipu.ts";

/** A new kind of provider gets its dialect here; `ProviderKind` is in `@openclaw/config`. */
const DIALECTS: Readonly<Record<ProviderKind, Dialect>> = { openai, nvidia, zhipu, tencent };

export function dialectOf(kind: ProviderKind): Dialect {
  return DIALECTS[kind];
}
