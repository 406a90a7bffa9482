/** Takes runs without a cluster: each goes on until a test ends it. */

import type { PromptRoom } from "../admission/prompt-room.ts";
import { promptBytes } from "../admission/request-size.ts";
import type { RunAdmission } from "../admission/run-admission.ts";
import type { RunRequest, RunStarter } from "../admission/run-starter.ts";
import type { LiveRun } from "../runs/live-run.ts";

export function fakeStarter(prompts?: PromptRoom) {
  const begun: RunRequest[] = [];
  const admission: Pick<RunAdmission, "refusal" | "refused" | "holdWaiting"> = {
    refusal: (_provider, _wishes, messages) => prompts?.refusal(promptBytes({ messages })),
    refused: () => undefined,
    holdWaiting: (messages) => prompts?.holdWaiting(promptBytes({ messages })),
  };
  const starter: Pick<RunStarter, "begin"> = {
    begin: (request) => {
      begun.push(request);
      // The part of a run that a session of v1 uses.
      return { resume: () => undefined, cancel: () => undefined } as unknown as LiveRun;
    },
  };
  return { begun, admission, starter };
}
