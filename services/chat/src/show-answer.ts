import { RestartedError, type Run, type RunResult } from "@openclaw/client";
import type { Screen } from "./screen.ts";

/**
 * Shows an answer as it comes, and a line of facts behind it. If another attempt begins the answer again and differs,
 * the screen begins again too. The old text stays, and a note says that it is void.
 *
 * @throws GatewayError
 */
export async function showAnswer(run: Run, screen: Screen): Promise<RunResult> {
  const news = showNews(run, screen);
  for (;;) {
    try {
      for await (const delta of run) screen.text(delta);
      break;
    } catch (error) {
      if (!(error instanceof RestartedError)) {
        await news;
        screen.endLine();
        throw error;
      }
      screen.note("(that attempt was lost; the answer begins again)");
    }
  }
  await news;
  const result = await run.result;
  screen.note(summaryOf(result));
  return result;
}

/** What happens before there is text. */
async function showNews(run: Run, screen: Screen): Promise<void> {
  try {
    for await (const event of run.events()) {
      if (event.type === "queued") screen.status(`waiting, ${event.position} in front`);
      else if (event.type === "reasoning") screen.status("thinking ...");
    }
  } catch {
    // The loop over the text fails with the same error.
  }
  screen.status("");
}

/** `zhipu (glm-4.7) · first text 0.31 s · 48 tokens/s`, as the user saw it. */
export function summaryOf(result: RunResult): string {
  const { provider, model, finish, usage, seen, text, refused } = result;
  const { firstTextMs = seen.totalMs, totalMs } = seen;
  // An answer that came at once has no speed.
  const seconds = Math.max(totalMs - firstTextMs, 1) / 1_000;
  const speed = usage
    ? `${Math.round(usage.outputTokens / seconds)} tokens/s`
    : `${Math.round(text.length / seconds)} characters/s`;
  return [
    `${provider} (${model})`,
    `first text ${(firstTextMs / 1_000).toFixed(2)} s`,
    ...(totalMs - firstTextMs >= 10 ? [speed] : []),
    ...(refused ? ["refused by the model"] : []),
    ...(finish === "stop" ? [] : [FINISHES[finish]]),
  ].join(" · ");
}

const FINISHES = {
  length: "cut at the limit of its length",
  content_filter: "cut by the provider's content filter",
  tool_calls: "wants to call a tool",
} as const;
