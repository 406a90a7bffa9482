import { expect, test } from "vitest";
import { fakeConnection } from "../testing/fake-socket.ts";

const MOST_CHECKS = 7;

test("a client that sends nothing and takes nothing is cut", () => {
  const { connection, socket } = fakeConnection();
  for (let look = 0; look < MOST_CHECKS; look += 1) connection.checkAlive(MOST_CHECKS);
  expect(socket.isClosed).toBe(false);
  connection.checkAlive(MOST_CHECKS);
  expect(socket.isClosed).toBe(true);
});

test("a slow reader counts as alive while it takes something, since it gets no pings meanwhile", () => {
  const { connection, socket } = fakeConnection();
  socket.bufferedBytes = 1_000_000;
  for (let look = 0; look < 5 * MOST_CHECKS; look += 1) {
    connection.drained();
    connection.checkAlive(MOST_CHECKS);
  }
  expect(socket.isClosed).toBe(false);
});
