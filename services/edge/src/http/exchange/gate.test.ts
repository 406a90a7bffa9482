/** The head of a request, in any pieces in which a network may bring it. */
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestServer } from "../../testing/test-server.ts";
import { MAX_HEAD_BYTES } from "./gate.ts";

/** The bytes of a connection that Ethernet carries in one packet. */
const SEGMENT_BYTES = 1_448;
const UPGRADE =
  "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.open({});
});

afterAll(() => server.close());

/** A head of exactly so many bytes, most of them in one cookie. */
function headOf(bytes: number, { path = "/health", more = "" } = {}): string {
  const head = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\n${more}cookie: \r\n\r\n`;
  return head.replace("cookie: ", `cookie: ${"c".repeat(bytes - head.length)}`);
}

/**
 * uWebSockets.js for Node 20 refuses a request line that comes in several pieces
 * (https://github.com/uNetworking/uWebSockets/issues/1776). Later versions do not.
 */
const needsWholeLine = process.version.startsWith("v20.");

function piecesOf(head: string, pieceBytes: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < head.length; at += pieceBytes) pieces.push(head.slice(at, at + pieceBytes));
  if (!needsWholeLine) return pieces;
  const lineBytes = head.indexOf("\r\n") + 2;
  const first = Math.ceil(lineBytes / pieceBytes);
  return [pieces.slice(0, first).join(""), ...pieces.slice(first)];
}

/** Sends a head in pieces. Resolves with the first bytes of the response. */
async function sent(head: string, pieceBytes: number): Promise<string> {
  const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const answered = once(socket, "data");
  for (const piece of piecesOf(head, pieceBytes)) {
    if (socket.destroyed) break;
    socket.write(piece);
    // Lets the server, which shares this thread, read each piece by itself.
    await setImmediate();
  }
  const [answer] = await answered;
  socket.destroy();
  return String(answer);
}

const WAYS = [
  ["in one piece", Number.MAX_SAFE_INTEGER],
  ["in segments", SEGMENT_BYTES],
  ["byte by byte", 1],
] as const;

describe.each(WAYS)("a head that comes %s", (_, pieceBytes) => {
  test.each([4_097, 12_000, MAX_HEAD_BYTES])("with %i bytes is accepted", async (bytes) => {
    const answer = await sent(headOf(bytes), pieceBytes);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('{"status":"ok"');
  });

  test.each([MAX_HEAD_BYTES + 1, 2 * MAX_HEAD_BYTES - 1])(
    "with %i bytes is refused in JSON",
    async (bytes) => {
      const answer = await sent(headOf(bytes), pieceBytes);
      expect(answer).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
      expect(answer).toMatch(/"code":"head_too_long"/);
      expect(answer).toMatch(/x-should-retry: false/);
    },
  );

  test("opens a WebSocket, or gets the reason in JSON", async () => {
    const upgrade = { path: "/ws/stream/mine", more: UPGRADE };
    const opened = await sent(headOf(MAX_HEAD_BYTES, upgrade), pieceBytes);
    expect(opened).toMatch(/^HTTP\/1\.1 101 /);
    const refused = await sent(headOf(MAX_HEAD_BYTES + 1, upgrade), pieceBytes);
    expect(refused).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"head_too_long"/);
  });
});

test("a long query counts", async () => {
  const path = `/health?${"q".repeat(MAX_HEAD_BYTES)}`;
  const head = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  const answer = await sent(head, head.length);
  expect(answer).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"head_too_long"/);
});

test("a head without end is refused as soon as it is too long for all", async () => {
  const head = headOf(1_024 * 1_024).slice(0, -4);
  expect(await sent(head, SEGMENT_BYTES)).toMatch(/^HTTP\/1\.1 431 /);
});

describe("a request with two lengths", () => {
  const twice = (first: string, second: string, { path = "/health", more = "" } = {}) =>
    `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\n${more}content-length: ${first}\r\ncontent-length: ${second}\r\n\r\n`;

  test.each([
    ["0", "60", {}],
    ["3", "0", {}],
    ["0", "60", { path: "/ws/stream", more: UPGRADE }],
  ])("as %s and %s is cut, and nothing behind it is read", async (first, second, kind) => {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    const heard: string[] = [];
    socket.on("data", (data) => heard.push(String(data))).on("error", () => undefined);
    // One reader would take for the next request what another takes for the body.
    const next = `GET /health HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\n\r\n`;
    const refused = server.refused.length;
    socket.write(`${twice(first, second, kind)}${"x".repeat(Number(first))}${next}`);
    await once(socket, "close");
    expect(heard).toEqual([]);
    expect(server.refused.slice(refused)).toEqual(["invalid_request"]);
  });

  test("in the same words is answered", async () => {
    expect(await sent(twice("0", "0"), 1_000)).toMatch(/^HTTP\/1\.1 200 /);
  });
});
