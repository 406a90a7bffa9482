import { once } from "node:events";
import { request } from "node:http";
import { expect, test } from "vitest";
import { uws } from "../socket/uws.ts";
import { HttpExchange } from "./http-exchange.ts";

/** What a client is sent whose request is answered so. */
async function answered(method: string, answer: (exchange: HttpExchange) => void) {
  const app = uws.App();
  const options = {
    headers: {},
    slowConsumerMs: 1_000,
    onSlowConsumer: () => undefined,
    keepAliveAfterMs: 1_000,
    isLeaving: () => false,
    onOver: () => undefined,
  };
  app.any("/*", (response, asked) => answer(new HttpExchange(response, asked, options)));
  const port = await new Promise<number>((resolve) => {
    app.listen("127.0.0.1", 0, (token) => resolve(token ? uws.us_socket_local_port(token) : 0));
  });
  const asked = request({ port, method });
  asked.end();
  const [{ statusCode, headers }] = await once(asked, "response");
  app.close();
  return { status: statusCode, length: headers["content-length"] };
}

test.each([
  ["GET", 204],
  ["HEAD", 200],
] as const)("a response to %s without a body promises none", async (method, status) => {
  const { length, ...sent } = await answered(method, (exchange) => exchange.replyEmpty(status));
  expect(sent.status).toBe(status);
  expect(length).toBeUndefined();
});
