import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fakeConnection } from "../testing/fake-socket.ts";
import { fakeStarter } from "../testing/fake-starter.ts";
import { Sessions } from "./sessions.ts";

const MIB = 1024 * 1024;
const LOOK_MS = 10_000;

let sessions: Sessions;

beforeEach(async () => {
  vi.useFakeTimers();
  const { admission, starter } = fakeStarter();
  const v1 = {
    admission,
    starter,
    limits: { maxMessageBytes: 100 },
    maxWaiting: 1,
    errorLingerMs: 0,
  };
  sessions = new Sessions({
    v1,
    // No connection here uses v2.
    v2: {} as never,
    maxConnections: 1_000,
    maxKeptBytes: 8 * MIB,
    onOverBudget: () => undefined,
  });
  await sessions.start();
});

afterEach(async () => {
  await sessions.stop();
  vi.useRealTimers();
});

/** @param longest the longest frame so far, in bytes */
function open({ longest = 0, isBusy = false }: { longest?: number; isBusy?: boolean } = {}) {
  const { connection, socket } = fakeConnection();
  const events = sessions.open(connection);
  connection.heard(longest);
  if (isBusy) events.onText('{"message":"hi"}');
  return socket;
}

function openMany(count: number, kind?: Parameters<typeof open>[0]) {
  return Array.from({ length: count }, () => open(kind));
}

const closed = (sockets: readonly { isClosed: boolean }[]) =>
  sockets.filter(({ isClosed }) => isClosed).length;

test("a connection that floods pings is closed, and one that pings every second is not", async () => {
  const { connection: flooding, socket: rude } = fakeConnection();
  const { connection: living, socket: polite } = fakeConnection();
  const flood = sessions.open(flooding);
  const keepAlive = sessions.open(living);
  for (let ping = 0; ping < 1_001; ping += 1) flood.onControl();
  for (let second = 0; second < 2_000; second += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    living.heard();
    keepAlive.onControl();
  }
  expect([rude.isClosed, polite.isClosed]).toEqual([true, false]);
});

describe("when connections keep more bytes than they may", () => {
  test("idle connections without a buffer stay, even if busy connections keep all of it", async () => {
    const busy = openMany(20, { longest: MIB, isBusy: true });
    const idle = openMany(50);
    await vi.advanceTimersByTimeAsync(LOOK_MS);
    expect(closed(busy)).toBe(0);
    expect(closed(idle)).toBe(0);
  });

  test("idle connections are closed, the largest buffer first, until half is left", async () => {
    const small = openMany(8, { longest: MIB / 2 });
    const large = openMany(8, { longest: MIB });
    await vi.advanceTimersByTimeAsync(LOOK_MS);
    expect([closed(large), closed(small)]).toEqual([8, 0]);
  });

  test("no connection is closed below the bound", async () => {
    const large = openMany(8, { longest: MIB });
    await vi.advanceTimersByTimeAsync(LOOK_MS);
    expect(closed(large)).toBe(0);
  });
});
