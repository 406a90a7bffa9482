/** For scripts: one question on the standard input, its answer on the standard output. */
import { text } from "node:stream/consumers";
import { type GatewayClient, GatewayError } from "@openclaw/client";
import { untilAborted } from "@openclaw/runtime/waits";
import type { ChatStreams } from "./chat-streams.ts";
import type { ChatConfig } from "./config.ts";
import { writeWhole } from "./output.ts";
import { Screen } from "./screen.ts";
import { showAnswer } from "./show-answer.ts";

/**
 * To a terminal the answer is written as it comes. To a file or another program it is written when it
 * is whole, as nothing can be taken back there: either all of it, or nothing and exit code 1.
 *
 * @throws GatewayError
 */
export async function answerOnce(
  client: GatewayClient,
  { provider, styled }: ChatConfig,
  { stdin, stdout, stderr, stop }: ChatStreams,
): Promise<void> {
  const question = (await untilAborted(text(stdin), stop)).trim();
  if (question === "") {
    throw new GatewayError("invalid_request", "Nothing was asked.", { retryable: false });
  }
  const run = client.run(question, { signal: stop, ...(provider && { provider }) });
  if (stdout.isTTY) {
    const screen = new Screen({ answers: stdout, notes: stderr, styled });
    await showAnswer(run, screen);
    return;
  }
  const answer = await run.text();
  await writeWhole(stdout, `${answer.replace(/\n$/, "")}\n`);
}
