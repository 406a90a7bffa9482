/**
 * The ways to read a run, each from its beginning, any number of times, and at the reader's own pace. A reader is a
 * place in the answer, not a queue. A slow reader gets more at once. An idle reader costs no memory beyond the
 * answer, which the run holds anyway.
 */
import type { Answer, Kind } from "./answer.ts";
import { RestartedError } from "./gateway-error.ts";
import { addEvent, type RunEvent } from "./run-event.ts";

/**
 * The text of a run, or its reasoning, for a reader that cannot take back text.
 *
 * When an attempt is lost, the text that the next one repeats is dropped, as the gateway does for its plain protocol.
 * Where the next attempt goes on, this goes on. Together the pieces are then the text of the later attempt alone.
 * That is impossible from the first difference on, or when the attempt ends before it has repeated everything.
 *
 * @throws RestartedError then; the run goes on, and another reader begins with the new attempt
 * @throws GatewayError when the run has failed, behind all its text
 */
export async function* readText(answer: Answer, kind: Kind): AsyncGenerator<string, void, void> {
  let attempt = answer.attempt;
  /** Pieces taken of the attempt. */
  let taken = 0;
  /** What was given of earlier attempts, and how much of it this one has repeated. */
  let shown = "";
  let repeated = 0;
  for (;;) {
    if (attempt !== answer.attempt) {
      // Behind the curtain nothing was given of an attempt; past it, all that was taken.
      if (repeated === shown.length) shown = attempt[kind].slice(0, taken).join("");
      attempt = answer.attempt;
      [taken, repeated] = [0, 0];
    }
    const { end } = answer;
    const text = attempt[kind].slice(taken).join("");
    taken = attempt[kind].length;
    const known = shown.slice(repeated, repeated + text.length);
    if (!text.startsWith(known)) throw new RestartedError();
    repeated += known.length;
    if (text.length > known.length) yield text.slice(known.length);
    else if (!end) await answer.changed();
    else if ("error" in end) throw end.error;
    else if (repeated < shown.length) throw new RestartedError();
    else return;
  }
}

/**
 * All events of a run. A reader that heeds `restarted` never meets a RestartedError.
 *
 * @throws GatewayError when the run has failed, behind its last event
 */
export async function* readEvents(answer: Answer): AsyncGenerator<RunEvent, void, void> {
  let waiting: RunEvent[] = [];
  const { past, stop } = answer.listen((event) => {
    waiting = addEvent(waiting, event);
  });
  waiting = past;
  try {
    for (;;) {
      const { end } = answer;
      const [event] = waiting;
      waiting = waiting.slice(1);
      if (event) yield event;
      else if (!end) await answer.changed();
      else if ("error" in end) throw end.error;
      else return;
    }
  } finally {
    stop();
  }
}
