import type { ProviderConfig, ProviderKind } from "./gateway-config.ts";

/** Most stop sequences in one request, of the kinds that take fewer than the protocol allows. */
const MOST_STOPS: Partial<Readonly<Record<ProviderKind, number>>> = { zhipu: 1 };

/**
 * Why a provider cannot heed a run's options, as a sentence. What is merely out of its range is no
 * reason: the worker brings that to the nearest value. Leaving an option out would change the answer.
 */
export function optionProblem(
  name: string,
  { kind }: Pick<ProviderConfig, "kind">,
  { stop = [] }: { readonly stop?: readonly string[] | undefined },
): string | undefined {
  const most = MOST_STOPS[kind];
  if (most === undefined || stop.length <= most) return undefined;
  return `\`options.stop\` has ${stop.length} sequences; ${name} takes ${most}.`;
}
