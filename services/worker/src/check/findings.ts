/** Compares answers with the promises to users: in time, piece by piece, on a warm connection. */
import { type ProviderConfig, type Targets, targetNameOf } from "@openclaw/config";
import {
  type Answer,
  duration,
  type Finding,
  firstTextOf,
  isStreamed,
  LUMP_MS,
  MAX_TOKENS,
  type ProviderReport,
  TEMPERATURES,
} from "./report.ts";

/** Everything that is wrong with the answers. */
export function findingsOf(
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

/** One finding for each missed target, for the cold answer, the warm one, or both. */
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
  /** The setting, below `targets`. */
  readonly path: string;
}

function targetMissed({ what, late, target, path }: Miss): Finding {
  return {
    level: "fail",
    code: "target_missed",
    message: `The ${what} took ${late.join(" and ")}; the target is ${duration(target)}.`,
    action: `Choose a faster model or a nearer host, or set \`targets.${path}\` to a time that can be kept.`,
  };
}

function oneLump(answers: readonly Answer[]): Finding {
  const most = Math.max(...answers.map(({ pieces }) => pieces));
  const pieces = most === 1 ? "a single piece" : `all ${most} pieces within ${LUMP_MS} ms`;
  return {
    level: "warn",
    code: "one_lump",
    message: `The answer came in one lump (${pieces}): users see nothing until it is complete.`,
    action: "Look for a proxy that buffers, or for a model that streams.",
  };
}

const REASONING_ONLY: Finding = {
  level: "warn",
  code: "reasoning_only",
  message: `The model reasoned for all of its ${MAX_TOKENS} tokens: its text begins later than the times shown.`,
  action: "If the first text counts, choose a model that reasons less or not at all.",
};

const NEVER_WARM: Finding = {
  level: "warn",
  code: "never_warm",
  message: "No connection stayed open until it was needed: every run opens a new one.",
  action: "Look for a proxy or firewall that closes idle connections at once.",
};
