/** Takes one HTTP request to its endpoint, and counts it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AcceptedRequests } from "./accepted-requests.ts";
import { answerChat, type Exchange, type OnChat } from "./answer-chat.ts";
import { answerControl, type Control } from "./control.ts";
import type { FaultInjector, Occasion } from "./faults/fault-injector.ts";
import type { ProfileTable } from "./profiles/profiles.ts";
import { refuse, sendRefusal } from "./refusals.ts";
import { Reply } from "./reply.ts";
import { type ProfileRoute, routeOf } from "./route.ts";
import type { Stats } from "./stats.ts";

/** The record of a socket while it is open. */
export interface SocketRecord {
  /** By `performance.now()`. */
  readonly acceptedAt: number;
  /** Whether a first request has said which profile it is for. */
  used: boolean;
}

export interface RequestContext {
  readonly profiles: ProfileTable;
  readonly stats: Stats;
  readonly faults: FaultInjector;
  readonly control: Control;
  readonly accepted: AcceptedRequests;
  readonly socket: SocketRecord;
  readonly onOver?: Exchange["onOver"];
  readonly onChat: OnChat | undefined;
}

export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { profiles, stats, faults, control, accepted, socket, onChat, onOver }: RequestContext,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  const route = routeOf(method, url, profiles);
  const reply = new Reply(response);
  if (!("profile" in route)) return answerControl(route.kind, { request, reply, control });
  const { name, profile } = route;
  const reused = socket.used;
  if (!socket.used) stats.socketUsed(name);
  socket.used = true;
  // Counted from the accept, so a socket opened ahead of time has paid before anyone asks.
  const connectedAt = socket.acceptedAt + profile.timing.connectMs;
  const decide = (asked: Pick<Occasion, "asked" | "key" | "model">) => {
    const decision = faults.decide({ profile: name, reused, ...asked });
    if (decision.kind !== undefined) stats.faultGiven(name, decision.kind);
    return decision;
  };
  if (route.kind === "chat") {
    const told = { onChat, onOver };
    const exchange = { request, reply, name, profile, connectedAt, decide, accepted, ...told };
    await stats.count(name, () => answerChat(exchange));
  } else if (await reply.waitUntil(connectedAt)) {
    const result = route.kind === "result" ? accepted.resultOf(lastPart(url)) : undefined;
    if (result !== undefined) await sendRefusal(reply, result);
    else await answerOther(reply, route, `${method} ${url}`);
  }
}

function lastPart(url: string): string {
  return url.split("?", 1)[0]?.split("/").at(-1) ?? "";
}

async function answerOther(reply: Reply, { kind, profile }: ProfileRoute, asked: string) {
  const { dialect, models } = profile;
  if (kind === "models") {
    await reply.sendJson(200, { object: "list", data: models.map((id) => dialect.model(id)) });
    return;
  }
  const message = `Unknown path: ${asked}`;
  await refuse(reply, dialect, { status: 404, requestId: randomUUID(), missing: "path", message });
}
