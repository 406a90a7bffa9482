/** From the name that a client asks for to the providers that may answer. */
import {
  type Asked,
  type GatewayConfig,
  type OptionProblem,
  optionProblem,
  type RequestParameters,
  standInProblem,
} from "@openclaw/config";
import { type Failure, failure } from "@openclaw/protocol";
import type { ProviderChoice } from "./provider-choice.ts";

/** Why a request is refused, in the words of protocol v2; where that is one of its fields, what is wrong with it. */
export interface RequestRefusal extends Failure {
  readonly problem?: OptionProblem;
}

/** The same refusal, whose field stands elsewhere in the request that was made. */
export function withPlaceOf(
  refusal: RequestRefusal,
  placeOf: (field: string) => string,
): RequestRefusal {
  const { problem } = refusal;
  if (!problem) return refusal;
  const field = placeOf(problem.field);
  return { ...refusal, ...inWords({ ...problem, field }) };
}

function inWords(problem: OptionProblem) {
  return { message: `\`${problem.field}\` ${problem.reason}`, problem };
}

/** Why nobody could answer a request, whatever the state of the cluster. */
export function chainRefusal(
  asked: string,
  wishes: RequestParameters,
  gateway: GatewayConfig,
): RequestRefusal | undefined {
  const members = membersOf(asked, gateway);
  if (members.length === 0) {
    const known = Object.keys({ ...gateway.providers, ...gateway.groups }).join(", ");
    return failure("unknown_provider", `No provider has that name. Known providers: ${known}.`);
  }
  const problems = members.map((name) => problemOf(name, wishes, gateway));
  const [problem] = problems;
  if (problem === undefined || problems.includes(undefined)) return undefined;
  return { ...failure("invalid_request"), ...inWords(problem) };
}

/**
 * The providers of a run, in the order in which they are asked. Members of a group that heed every field
 * come first, then members that may leave some out, then the fallback of the first. A provider that
 * cannot heed a field that shapes the answer is not among them: it would answer another question.
 * A provider that is known to take fewer tokens than the request has is left out, as long as others stay.
 */
export function chainOf(
  asked: string,
  wishes: RequestParameters,
  { gateway, choice, leastTokens = 0 }: ChainOptions,
): string[] {
  const members = membersOf(asked, gateway);
  const able = members.filter((name) => problemOf(name, wishes, gateway) === undefined);
  const [first = "", ...others] = able.length > 1 ? choice.order(able) : able;
  const standsIn = (name: string) => mayStandIn(name, { first, wishes, gateway });
  const rest = members.filter((name) => !able.includes(name));
  const standIns = [...others, ...rest, ...fallbackOf(first, gateway)];
  const chain = [first, ...new Set(standIns.filter(standsIn))];
  const roomy = chain.filter((name) => hasRoom(name, leastTokens, gateway));
  // Where none is known to have room, the provider says so better than a guess.
  return roomy.length > 0 ? roomy : chain;
}

interface ChainOptions {
  readonly gateway: GatewayConfig;
  readonly choice: Pick<ProviderChoice, "order">;
  /** How many tokens the request takes at the least. */
  readonly leastTokens?: number;
}

function hasRoom(provider: string, tokens: number, { providers }: GatewayConfig): boolean {
  return tokens <= (providers[provider]?.contextTokens ?? Number.POSITIVE_INFINITY);
}

/** A provider and who stands in for it. */
export function withFallback(provider: string, gateway: GatewayConfig): string[] {
  return [provider, ...fallbackOf(provider, gateway)];
}

function fallbackOf(provider: string, { providers }: GatewayConfig): readonly string[] {
  return providers[provider]?.fallback ?? [];
}

/** The providers that a name stands for; none for a name that nobody has. */
function membersOf(name: string, { providers, groups }: GatewayConfig): readonly string[] {
  if (Object.hasOwn(providers, name)) return [name];
  return Object.hasOwn(groups, name) ? (groups[name] ?? []) : [];
}

function problemOf(
  provider: string,
  wishes: RequestParameters,
  gateway: GatewayConfig,
): OptionProblem | undefined {
  const asked = askedOf(provider, gateway);
  return asked && optionProblem(asked, wishes);
}

function mayStandIn(
  provider: string,
  { first, wishes, gateway }: { first: string; wishes: RequestParameters; gateway: GatewayConfig },
): boolean {
  const standIn = askedOf(provider, gateway);
  const asked = askedOf(first, gateway);
  if (!standIn || !asked || provider === first) return false;
  return standInProblem(standIn, wishes, asked) === undefined;
}

function askedOf(name: string, { providers }: GatewayConfig): Asked | undefined {
  const config = providers[name];
  return config && { name, config };
}
