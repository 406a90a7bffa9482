import { once } from "node:events";
import { request } from "node:http";
import { expect, test } from "vitest";
import { ByteBudget } from "../../admission/byte-budget.ts";
import { uws } from "../../socket/uws.ts";
import { HttpExchange } from "./http-exchange.ts";

const KEEP_ALIVE_AFTER_MS = 1_000;

/** Sends a request that is answered by `answer`; resolves to what its client got. */
async function answered(method: string, answer: (exchange: HttpExchange) => void) {
  const app = uws.App();
  const options = {
    headers: {},
    slowConsumerMs: 1_000,
    onSlowConsumer: () => undefined,
    keepAliveAfterMs: KEEP_ALIVE_AFTER_MS,
    isLeaving: () => false,
    inbound: new ByteBudget(1_000_000),
    onRefused: () => undefined,
    onOver: () => undefined,
  };
  app.any("/*", (response, asked) => answer(new HttpExchange(response, asked, options)));
  const port = await new Promise<number>((resolve) => {
    app.listen("127.0.0.1", 0, (token) => resolve(token ? uws.us_socket_local_port(token) : 0));
  });
  const asked = request({ port, method });
  asked.end();
  const [response] = await once(asked, "response");
  const { statusCode, headers } = response;
  const body = Buffer.concat(await response.toArray()).toString();
  app.close();
  return { status: statusCode, length: headers["content-length"], body };
}

test.each([
  ["GET", 204],
  ["HEAD", 200],
] as const)("a response to %s without a body promises none", async (method, status) => {
  const { length, ...sent } = await answered(method, (exchange) => exchange.replyEmpty(status));
  expect(sent).toEqual({ status, body: "" });
  expect(length).toBeUndefined();
});

test("a response to HEAD has the status of a response to GET, and no body", async () => {
  const sent = await answered("HEAD", (exchange) => exchange.reply(404, { error: {} }));
  expect(sent).toEqual({ status: 404, length: undefined, body: "" });
});

test("a silent stream is kept alive by lines that do not end an event", async () => {
  const { body } = await answered("GET", (exchange) => {
    exchange.stream({});
    for (let silent = 1; silent <= 2; silent += 1) {
      exchange.sweep(performance.now() + 2 * KEEP_ALIVE_AFTER_MS);
    }
    exchange.write("data: late\n\n");
    exchange.end();
  });
  expect(body).toBe(":\n:\ndata: late\n\n");
});
