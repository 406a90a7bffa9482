/** Takes runs without a cluster: each goes on until a test ends it. */
import type { ConversationMessage, Failure } from "@openclaw/protocol";
import { promptBytes } from "../admission/prompt-bytes.ts";
import type { PromptRoom } from "../admission/prompt-room.ts";
import type { RunStarter } from "../admission/run-starter.ts";
import type { RunRequest, StartedRun } from "../runs/started-run.ts";

export function fakeStarter(prompts?: PromptRoom) {
  const begun: RunRequest[] = [];
  const starter = {
    refusal: (_provider: unknown, _wishes: unknown, messages: readonly ConversationMessage[]) =>
      prompts?.refusal(promptBytes({ messages })),
    holdWaiting: (messages: readonly ConversationMessage[]) =>
      prompts?.holdWaiting(promptBytes({ messages })),
    refused: (_reason: Failure) => undefined,
    begin: (request: RunRequest) => {
      begun.push(request);
      return { resume: () => undefined, cancel: () => undefined } as unknown as StartedRun;
    },
  };
  // What a session of v1 uses of it.
  return { begun, starter: starter as unknown as RunStarter };
}
