/** From the name that a client asks for to the providers that may answer. */
import {
  type GatewayConfig,
  type OptionProblem,
  optionProblem,
  type Wishes,
} from "@openclaw/config";
import { type Failure, failure } from "@openclaw/protocol";
import type { ProviderChoice } from "./provider-choice.ts";

/** Why a request is refused, in the words of protocol v2; where that is one of its fields, what is wrong with it. */
export interface RequestRefusal extends Failure {
  readonly problem?: OptionProblem;
}

/** Why nobody could answer a request, whatever the state of the cluster. */
export function chainRefusal(
  asked: string,
  wishes: Wishes,
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
  return { ...failure("invalid_request", `\`${problem.field}\` ${problem.reason}`), problem };
}

/**
 * Who is asked, and who instead, in that order. The members of a group stand in for each other, and after
 * them whoever stands in for the first. Who could not heed what is wished for would answer another question. A request that
 * is known to be too long for some is not asked of these, as long as others are left.
 */
export function chainOf(
  asked: string,
  wishes: Wishes,
  { gateway, choice, leastTokens = 0 }: ChainOptions,
): string[] {
  const isAble = (name: string) => problemOf(name, wishes, gateway) === undefined;
  const able = membersOf(asked, gateway).filter(isAble);
  const members = able.length > 1 ? choice.order(able) : able;
  const [first = ""] = members;
  const chain = [...new Set([...members, ...fallbackOf(first, gateway).filter(isAble)])];
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
  wishes: Wishes,
  { providers }: GatewayConfig,
): OptionProblem | undefined {
  const config = providers[provider];
  return config && optionProblem(provider, config, wishes);
}
