/** Takes one HTTP request to its endpoint, and counts it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answerChat, type Exchange, type OnChat } from "./answer-chat.ts";
import type { ProfileTable } from "./profiles/profiles.ts";
import { refuse } from "./refusals.ts";
import { Reply } from "./reply.ts";
import { type ProfileRoute, routeOf } from "./route.ts";
import type { Stats } from "./stats.ts";

/** What is remembered of a socket while it is open. */
export interface SocketRecord {
  /** By `performance.now()`. */
  readonly acceptedAt: number;
  /** Whether a first request has said which profile it is for. */
  used: boolean;
}

export interface RequestContext {
  readonly profiles: ProfileTable;
  readonly stats: Stats;
  readonly socket: SocketRecord;
  readonly onOver?: Exchange["onOver"];
  readonly onChat: OnChat | undefined;
}

export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { profiles, stats, socket, onChat, onOver }: RequestContext,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  const route = routeOf(method, url, profiles);
  const reply = new Reply(response);
  if (route.kind === "stats" || route.kind === "reset") {
    if (route.kind === "reset") stats.reset();
    return sendJson(reply, stats.snapshot());
  }
  const { name, profile } = route;
  if (!socket.used) stats.socketUsed(name);
  socket.used = true;
  // Counted from the accept, so a socket opened ahead of time has paid before anyone asks.
  const connectedAt = socket.acceptedAt + profile.timing.connectMs;
  if (route.kind === "chat") {
    const exchange = { request, reply, name, profile, connectedAt, onChat, onOver };
    await stats.count(name, () => answerChat(exchange));
  } else if (await reply.waitUntil(connectedAt)) {
    await answerOther(reply, route, `${method} ${url}`);
  }
}

async function answerOther(reply: Reply, { kind, profile }: ProfileRoute, asked: string) {
  const { dialect, models } = profile;
  if (kind === "models") {
    return sendJson(reply, { object: "list", data: models.map((id) => dialect.model(id)) });
  }
  const message = `Unknown path: ${asked}`;
  await refuse(reply, dialect, { status: 404, requestId: randomUUID(), missing: "path", message });
}

async function sendJson(reply: Reply, body: object): Promise<void> {
  await reply.send(200, { "content-type": "application/json" }, JSON.stringify(body));
}
