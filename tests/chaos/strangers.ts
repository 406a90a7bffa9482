/** Clients that ask for nothing sensible: they stop short of the last byte, or send what is no frame at full speed. */
import { request } from "node:http";
import { V2_SUBPROTOCOL } from "@openclaw/protocol";
import { WebSocket } from "ws";
import { linger } from "./crowd.ts";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";

const BETWEEN_MS = [4_000, 12_000] as const;
const AT_ONCE = 20;
const BODY_BYTES = 256 * 1024;
const FLOOD_FRAMES = 5_000;
/** What may be on its way at once, so that this process is not what is slow. */
const FLOOD_BUFFERED_BYTES = 64 * 1024;
const STAY_MS = 3_000;

export interface StrangerContext {
  /** Any edge's address, for `http:` and `ws:`. */
  readonly host: string;
  readonly random: Random;
  readonly history: History;
  readonly closing: AbortSignal;
}

/** One kind of rudeness after the other, each for some seconds. */
export async function rudeStrangers(context: StrangerContext): Promise<void> {
  const { random, history, closing } = context;
  for (;;) {
    await linger(random.between(...BETWEEN_MS), closing);
    if (closing.aborted) return;
    const kind = random.pick(["bodies without their last byte", "floods of bad frames"]);
    history.fault(kind);
    await (kind.startsWith("bodies") ? unfinishedBodies(context) : floods(context));
  }
}

async function unfinishedBodies({ host, closing }: StrangerContext): Promise<void> {
  const posts = Array.from({ length: AT_ONCE }, () => {
    const post = request(`http://${host}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": BODY_BYTES },
      agent: false,
    });
    // Edges die and refuse; that is not these clients' business.
    post.on("error", () => undefined);
    post.on("response", (response) => response.resume());
    post.write(Buffer.alloc(BODY_BYTES - 1, " "));
    return post;
  });
  await linger(STAY_MS, closing);
  for (const post of posts) post.destroy();
}

async function floods({ host, closing }: StrangerContext): Promise<void> {
  const sockets = [[], V2_SUBPROTOCOL].flatMap((protocol) =>
    [0, 1].map(() => new WebSocket(`ws://${host}/ws/stream`, protocol)),
  );
  await Promise.all(sockets.map((socket) => flood(socket, closing)));
  for (const socket of sockets) socket.terminate();
}

async function flood(socket: WebSocket, closing: AbortSignal): Promise<void> {
  socket.on("error", () => undefined);
  await Promise.race([
    new Promise((resolve) => socket.once("open", resolve)),
    linger(STAY_MS, closing),
  ]);
  for (let frame = 0; frame < FLOOD_FRAMES && socket.readyState === WebSocket.OPEN; ) {
    while (socket.bufferedAmount < FLOOD_BUFFERED_BYTES && frame < FLOOD_FRAMES) {
      socket.send("{");
      frame += 1;
    }
    await linger(5, closing);
    if (closing.aborted) return;
  }
}
