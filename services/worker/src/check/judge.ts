/** Whether answers are what is promised to users: in time, piece by piece, on a connection that waits. */
import { type ProviderConfig, type Target, type Targets, targetNameOf } from "@openclaw/config";
import { MAX_TOKENS } from "./asker.ts";
import { duration } from "./duration.ts";
import { type Answer, type Finding, type ProviderReport, TEMPERATURES } from "./report.ts";

/** Pieces that all arrive within this came together: no model writes as fast. */
const LUMP_MS = 20;

/** When text begins; where there was none, it would have begun later than the reasoning did. */
export function firstTextOf({ firstTextMs, firstTokenMs }: Answer): number {
  return firstTextMs ?? firstTokenMs;
}

export function meets(answer: Answer, { firstTextMs, fullMs }: Target): boolean {
  return firstTextOf(answer) <= firstTextMs && answer.fullMs <= fullMs;
}

export function isStreamed({ pieces, streamedMs }: Answer): boolean {
  return pieces > 1 && streamedMs >= LUMP_MS;
}

/** Everything that is not as it should be about the answers there are. */
export function judge(
  answers: ProviderReport["answers"],
  { region, targets }: { readonly region: ProviderConfig["region"]; readonly targets: Targets },
): Finding[] {
  const all = Object.values(answers);
  const findings = missedTargets(answers, { region, targets });
  if (all.length > 0 && !all.some(isStreamed)) findings.push(oneLump(all));
  if (all.some(({ firstTextMs }) => firstTextMs === undefined)) findings.push(REASONING_ONLY);
  if (answers.warm?.connection === "cold") findings.push(NEVER_WARM);
  return findings;
}

const FIGURES = [
  ["first text", firstTextOf, "firstTextMs"],
  ["whole answer", ({ fullMs }: Answer) => fullMs, "fullMs"],
] as const;

/** One finding for each target that is missed, be it by the cold answer, the warm one, or both. */
function missedTargets(
  answers: ProviderReport["answers"],
  { region, targets }: { readonly region: ProviderConfig["region"]; readonly targets: Targets },
): Finding[] {
  const names = new Set(TEMPERATURES.map((temperature) => targetNameOf(region, temperature)));
  return [...names].flatMap((name) =>
    FIGURES.flatMap(([what, figureOf, field]) => {
      const target = targets[name][field];
      const late = TEMPERATURES.flatMap((temperature) => {
        const answer = answers[temperature];
        const isLate = answer !== undefined && figureOf(answer) > target;
        const isMeant = targetNameOf(region, temperature) === name;
        return isLate && isMeant
          ? `${duration(figureOf(answer))} on a ${temperature} connection`
          : [];
      });
      return late.length === 0
        ? []
        : targetMissed({ what, late, target, path: `${name}.${field}` });
    }),
  );
}

interface Miss {
  readonly what: string;
  readonly late: readonly string[];
  readonly target: number;
  /** Below `targets`. */
  readonly path: string;
}

function targetMissed({ what, late, target, path }: Miss): Finding {
  return {
    level: "fail",
    code: "target_missed",
    message: `The ${what} took ${late.join(" and ")}; the target is ${duration(target)}.`,
    action: `Choose a faster model or a nearer host, or set \`targets.${path}\` to what can be kept.`,
  };
}

function oneLump(answers: readonly Answer[]): Finding {
  const most = Math.max(...answers.map(({ pieces }) => pieces));
  const pieces = most === 1 ? "a single piece" : `all ${most} pieces within ${LUMP_MS} ms`;
  return {
    level: "warn",
    code: "one_lump",
    message: `The answer came in one lump (${pieces}): users see nothing until all of it is there.`,
    action: "Look for a proxy in between that buffers, or for a model that streams.",
  };
}

const REASONING_ONLY: Finding = {
  level: "warn",
  code: "reasoning_only",
  message: `The model reasoned for all of its ${MAX_TOKENS} tokens: its text begins later than the times shown.`,
  action: "Choose a model that does not reason, or less, where the first text counts.",
};

const NEVER_WARM: Finding = {
  level: "warn",
  code: "never_warm",
  message: "No connection stayed open until it was needed: every run has to open one.",
  action: "Look for a proxy or firewall in between that closes idle connections at once.",
};
