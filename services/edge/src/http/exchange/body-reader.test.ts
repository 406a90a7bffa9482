import { once } from "node:events";
import { connect } from "node:net";
import { eventually } from "@openclaw/testing";
import { test as base, expect } from "vitest";
import { ByteBudget } from "../../admission/byte-budget.ts";
import { uws } from "../../socket/uws.ts";
import { readRequest } from "../routes/read-request.ts";
import { BODY_WITHIN_MS } from "./body-reader.ts";
import { HttpExchange } from "./http-exchange.ts";

const MAX_BYTES = 100_000;

/** A server that reads bodies within a budget, and answers with their lengths. */
const test = base.extend("open", ({ onTestFinished }) => async (budgetBytes: number) => {
  const inbound = new ByteBudget(budgetBytes);
  const refused: string[] = [];
  const exchanges = new Set<HttpExchange>();
  const app = uws.App();
  app.post("/*", (response, request) => {
    const exchange = new HttpExchange(response, request, {
      headers: {},
      slowConsumerMs: 1_000,
      onSlowConsumer: () => undefined,
      keepAliveAfterMs: 1_000,
      isLeaving: () => false,
      inbound,
      onRefused: ({ code }) => refused.push(code),
      onOver: (over) => exchanges.delete(over),
    });
    exchanges.add(exchange);
    const parse = (body: Buffer) => ({ ok: true, request: body.length }) as const;
    void readRequest(exchange, { maxBytes: MAX_BYTES, parse }).then((length) => {
      if (length !== undefined) exchange.reply(200, { length });
    });
  });
  let port = 0;
  app.listen("127.0.0.1", 0, (token) => {
    port = token ? uws.us_socket_local_port(token) : 0;
  });
  onTestFinished(() => {
    app.close();
  });
  return { inbound, refused, exchanges, port };
});

/** A client by hand, since no library stops in the middle of a body. */
function client(port: number) {
  const socket = connect(port, "127.0.0.1");
  const heard = { text: "", isClosed: false };
  socket
    .on("error", () => undefined)
    .on("close", () => {
      heard.isClosed = true;
    });
  socket.on("data", (data) => {
    heard.text += data;
  });
  const begin = (length: number | "chunked") => {
    const framing =
      length === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`;
    socket.write(`POST /x HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n`);
  };
  const status = async () => {
    await eventually("an answer", () => heard.text.includes("\r\n\r\n"));
    const [, code] = /^HTTP\/1\.1 (\d+)/.exec(heard.text) ?? [];
    heard.text = "";
    return Number(code);
  };
  return { socket, heard, begin, status };
}

test("a body without room is read to its end and refused, and its connection goes on", async ({
  open,
}) => {
  const { inbound, refused, port } = await open(120_000);
  const first = client(port);
  first.begin(90_000);
  first.socket.write("x".repeat(89_999));
  await eventually("the first body", () => inbound.usedBytes === 89_999);

  const second = client(port);
  second.begin(90_000);
  second.socket.write("x".repeat(50_000));
  second.socket.write("x".repeat(40_000));
  expect(await second.status()).toBe(503);
  expect(refused).toEqual(["overloaded"]);
  expect(inbound.usedBytes).toBe(89_999);

  first.socket.write("x");
  expect(await first.status()).toBe(200);
  expect(inbound.usedBytes).toBe(0);
  second.begin(90_000);
  second.socket.write("x".repeat(90_000));
  expect(await second.status()).toBe(200);
  for (const { socket } of [first, second]) socket.destroy();
});

test("clients that declare a body and send nothing keep no other client out", async ({ open }) => {
  const { inbound, exchanges, port } = await open(120_000);
  const silent = Array.from({ length: 20 }, () => client(port));
  for (const { begin } of silent) begin(90_000);
  await eventually("all of them", () => exchanges.size === 20);
  expect(inbound.usedBytes).toBe(0);
  const { socket, begin, status } = client(port);
  begin(90_000);
  socket.write("x".repeat(90_000));
  expect(await status()).toBe(200);
  for (const other of [{ socket }, ...silent]) other.socket.destroy();
});

test("a body in chunks is refused when there is no more room, and gives back what it had", async ({
  open,
}) => {
  const { inbound, port } = await open(40_000);
  const { socket, begin, status } = client(port);
  begin("chunked");
  const chunk = `${(20_000).toString(16)}\r\n${"x".repeat(20_000)}\r\n`;
  socket.write(chunk);
  await eventually("the first chunk", () => inbound.usedBytes === 20_000);
  socket.write(`${chunk}${chunk}0\r\n\r\n`);
  expect(await status()).toBe(503);
  expect(inbound.usedBytes).toBe(0);
  socket.destroy();
});

test("a body whose declared length is too long takes no room", async ({ open }) => {
  const { inbound, refused, port } = await open(1_000_000);
  const { socket, begin, status } = client(port);
  begin(MAX_BYTES + 1);
  socket.write("x".repeat(MAX_BYTES));
  socket.write("x");
  expect(await status()).toBe(413);
  expect([inbound.usedBytes, refused]).toEqual([0, []]);
  socket.destroy();
});

test("a body that is not whole in a minute is refused with 408, and its connection closed", async ({
  open,
}) => {
  const { inbound, exchanges, port } = await open(1_000_000);
  const { socket, heard, begin, status } = client(port);
  begin(1_000);
  socket.write("x");
  await eventually("the body", () => inbound.usedBytes === 1);
  for (const exchange of exchanges) exchange.sweep(performance.now() + BODY_WITHIN_MS);
  expect(await status()).toBe(408);
  expect(inbound.usedBytes).toBe(0);
  if (!heard.isClosed) await once(socket, "close");
});

test("a client that leaves in the middle of a body frees its room", async ({ open }) => {
  const { inbound, exchanges, port } = await open(1_000_000);
  const { socket, begin } = client(port);
  begin(90_000);
  socket.write("x".repeat(80_000));
  await eventually("the body", () => inbound.usedBytes === 80_000);
  socket.destroy();
  await eventually("its room", () => inbound.usedBytes === 0);
  expect(exchanges.size).toBe(0);
});
