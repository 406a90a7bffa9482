import { expect, test } from "vitest";
import { fakeConnection } from "../testing/fake-socket.ts";

const MOST_LOOKS = 7;

test("a client that says nothing and takes nothing is cut", () => {
  const { connection, socket } = fakeConnection();
  for (let look = 0; look < MOST_LOOKS; look += 1) connection.look(MOST_LOOKS);
  expect(socket.isClosed).toBe(false);
  connection.look(MOST_LOOKS);
  expect(socket.isClosed).toBe(true);
});

test("a slow reader is alive as long as it takes something, since it is not pinged meanwhile", () => {
  const { connection, socket } = fakeConnection();
  socket.bufferedBytes = 1_000_000;
  for (let look = 0; look < 5 * MOST_LOOKS; look += 1) {
    connection.drained();
    connection.look(MOST_LOOKS);
  }
  expect(socket.isClosed).toBe(false);
});
