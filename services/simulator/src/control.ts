/** `/_sim/...`: what a test or an operator sees and sets while the simulator runs. */
import type { IncomingMessage } from "node:http";
import { type FaultSettings, parseFaults, type ReadFaults } from "./faults/fault-settings.ts";
import { readBody } from "./read-body.ts";
import type { Reply } from "./reply.ts";
import type { ControlKind } from "./route.ts";
import type { SimulatorStats } from "./stats.ts";

export interface Control {
  readonly profileNames: readonly string[];
  readonly faults: FaultSettings;
  stats(): SimulatorStats;
  reset(): void;
  apply(settings: FaultSettings): void;
}

interface ControlExchange {
  readonly request: IncomingMessage;
  readonly reply: Reply;
  readonly control: Control;
}

export async function answerControl(
  kind: ControlKind,
  { request, reply, control }: ControlExchange,
): Promise<void> {
  if (kind === "set faults") {
    const read = await readSettings(request, control.profileNames);
    if (!read.ok) {
      await reply.sendJson(400, { error: { message: read.problems.join("; ") } });
      return;
    }
    control.apply(read.settings);
  }
  if (kind === "reset") control.reset();
  const aboutFaults = kind === "faults" || kind === "set faults";
  await reply.sendJson(200, aboutFaults ? control.faults : control.stats());
}

async function readSettings(
  request: IncomingMessage,
  profiles: readonly string[],
): Promise<ReadFaults> {
  const body = await readBody(request);
  // The client has gone, so the problem reaches no reader.
  const text = typeof body === "object" ? body.text : "";
  return parseFaults(text, profiles);
}
