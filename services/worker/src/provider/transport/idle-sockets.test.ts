import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { startRawProvider, until } from "../../testing/fake-provider.ts";
import { IdleLimit } from "./idle-limit.ts";
import { IdleSockets } from "./idle-sockets.ts";

/** A socket as the pool has it, an hour's patience, and a clock that the test moves. */
async function start() {
  const server = await startRawProvider((accepted) => accepted.resume());
  onTestFinished(() => server.close());
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  await until(() => server.accepted.length === 1);
  const clock = { ms: 0 };
  const limit = new IdleLimit({ idleMs: 3_600_000, random: () => 1, now: () => clock.ms });
  const lost: number[] = [];
  const sockets = new IdleSockets({ limit, onLost: (idledMs) => lost.push(idledMs) });
  socket.on("error", () => undefined).once("close", () => sockets.remove(socket));
  return { server, socket, clock, limit, sockets, lost };
}

const closed = (socket: Socket) =>
  new Promise<void>((resolve) => socket.once("close", () => resolve()));

it("tells how long a socket had idled that the server reset", async () => {
  const { server, socket, clock, sockets, lost } = await start();
  sockets.add(socket, 0);
  sockets.markBusy(socket);
  clock.ms = 1_000;
  sockets.markIdle(socket);
  clock.ms = 8_000;
  server.accepted[0]?.resetAndDestroy();
  await closed(socket);
  expect(lost).toEqual([7_000]);
});

it("counts from the opening for a socket that has carried nothing yet", async () => {
  const { server, socket, clock, sockets, lost } = await start();
  clock.ms = 9_000;
  sockets.add(socket, 2_000);
  server.accepted[0]?.resetAndDestroy();
  await closed(socket);
  expect(lost).toEqual([7_000]);
});

it("tells nothing of a socket that broke under a request, nor of one that we close", async () => {
  for (const busy of [true, false]) {
    const { server, socket, sockets, lost } = await start();
    sockets.add(socket, 0);
    if (busy) sockets.markBusy(socket);
    if (busy) server.accepted[0]?.resetAndDestroy();
    else socket.destroy();
    await closed(socket);
    expect(lost).toEqual([]);
  }
});

it("tells how long a socket had idled whose next request found it closed", async () => {
  const { socket, clock, sockets, lost } = await start();
  sockets.add(socket, 0);
  clock.ms = 6_000;
  sockets.markBusy(socket);
  clock.ms = 7_000;
  sockets.wasStale(socket);
  expect(lost).toEqual([6_000]);
});

it("closes a socket that idles for longer than the limit became, and none that carries a request", async () => {
  const { socket: idle, clock, limit, sockets } = await start();
  const { socket: busy } = await start();
  for (const socket of [idle, busy]) sockets.add(socket, 0);
  sockets.markBusy(busy);
  clock.ms = 9_000;
  limit.closedAfter(9_000);
  await closed(idle);
  expect(busy.destroyed).toBe(false);
  busy.destroy();
});

it("leaves sockets alone that were never given to the pool", async () => {
  const { socket, clock, limit, sockets } = await start();
  const stranger = await start();
  sockets.add(socket, 0);
  sockets.markIdle(stranger.socket);
  clock.ms = 9_000;
  limit.closedAfter(9_000);
  await closed(socket);
  expect(stranger.socket.destroyed).toBe(false);
  stranger.socket.destroy();
});
