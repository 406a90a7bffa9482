/** What users ask: answers known in advance, byte for byte, from providers that fail as they are told. */
import { answerFor, directive } from "@openclaw/simulator";
import type { Random } from "./random.ts";

export interface Question {
  readonly prompt: string;
  readonly provider: string;
  /** The whole answer: the same at every provider, so that no failure excuses a difference. */
  readonly text: string;
  /** Whether the provider that is asked first fails. */
  readonly isFaulty: boolean;
}

/** Faults in mid-answer, by the piece before which they happen. */
const BREAKS = [
  "cutAfter",
  "resetAfter",
  "endAfter",
  "truncateAfter",
  "errorAfter",
  "garbageAfter",
  "badJsonAfter",
  "hugeAfter",
  "stallAfter",
] as const;
const REFUSALS = ["refuse", "stale", "hang"] as const;
const HEALTHY = 0.6;
/** Answers of half a million characters and more, as fast as they come. */
const HUGE = 0.002;
const HUGE_WORDS = 100_000;

/** @param number another one for each question, so that none is asked twice */
export function ask(
  random: Random,
  { number, providers }: { number: number; providers: readonly [string, ...string[]] },
): Question {
  const provider = random.pick(providers);
  const isFaulty = !random.chance(HEALTHY);
  const isHuge = !isFaulty && random.chance(HUGE);
  const prompt = directive({
    words: random.between(10, 60),
    seed: number,
    language: random.pick<"en" | "zh">(["en", "zh"]),
    gapMs: random.between(20, 150),
    ...(isHuge && { words: HUGE_WORDS, language: "zh", gapMs: 0 }),
    ...(isFaulty && { ...fault(random), faultOn: [provider] }),
  });
  return { prompt, provider, text: answerFor({ prompt, profile: provider }), isFaulty };
}

function fault(random: Random): Record<string, unknown> {
  return random.pick<() => Record<string, unknown>>([
    () => ({ [random.pick(BREAKS)]: random.between(0, 40) }),
    () => ({ [random.pick(BREAKS)]: random.between(0, 40) }),
    () => ({ [random.pick(REFUSALS)]: true }),
    () => ({ status: random.pick([401, 429, 500, 503]) }),
  ])();
}
