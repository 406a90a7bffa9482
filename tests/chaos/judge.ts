import { differenceOf } from "./difference.ts";
import type { History } from "./history.ts";
import type { Question } from "./question.ts";

export interface Observed {
  readonly protocol: "v1" | "v2";
  /** What the gateway calls it, where it says so. */
  readonly id?: string;
  /** When it was asked, on the monotonic clock. */
  readonly since: number;
  /** Whether a provider was asked. */
  readonly isBegun: boolean;
  readonly asked: Question;
  readonly text: string;
  readonly terminal: {
    readonly type: string;
    readonly code?: string;
    readonly retryable?: boolean;
  };
}

/** Judges one run that ended, by what its user got. */
export function judge(observed: Observed, history: History): void {
  const { protocol, id, since, asked, text, terminal } = observed;
  const { type, code = type } = terminal;
  const about = `${protocol} ${code} ${asked.prompt}`;
  if (history.isBroken(id)) {
    history.ended(`${protocol} broken, ${code}`);
    judgeText(text, { said: beginning(asked, text), about, history });
    return;
  }
  history.ended(`${protocol} ${code}`);
  if (observed.isBegun && !asked.isFaulty && type !== "cancelled") {
    history.fared({ isWhole: type === "done", since, about });
  }
  judgeText(text, { said: type === "done" ? asked.text : beginning(asked, text), about, history });
  if (code === "interrupted") {
    history.violate("given up although another attempt says the same", about);
  }
  if (type === "error" && terminal.retryable === false && code !== "provider_auth") {
    history.violate("failure not retryable", about);
  }
}

/** Judges what came of an answer whose connection was lost. */
export function judgeBeginning(text: string, asked: Question, history: History): void {
  const about = `connection lost ${asked.prompt}`;
  judgeText(text, { said: beginning(asked, text), about, history });
}

/** An answer that failed may stop anywhere, but what there is of it must be its beginning. */
function beginning(asked: Question, text: string): string {
  return asked.text.slice(0, text.length);
}

function judgeText(
  text: string,
  { said, about, history }: { said: string; about: string; history: History },
): void {
  const difference = differenceOf(text, said);
  if (difference) history.violate(difference, about);
}
