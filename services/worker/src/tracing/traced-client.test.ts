import { KeptSpans } from "@openclaw/testing";
import { expect, test } from "vitest";
import { client, collect, errorOf, messages, provider } from "../testing/asking.ts";
import { answerAll, beginStream, frame } from "../testing/fake-provider.ts";
import { tracedClient } from "./traced-client.ts";

async function traced(url: string) {
  const tracer = new KeptSpans();
  const over: (string | undefined)[] = [];
  const parent = tracer.begin({ name: "process fake", kind: "consumer" });
  const asked = tracedClient(await client(url), { parent, onOver: (error) => over.push(error) });
  return { asked, kept: tracer.spans, over };
}

test("an answer is one span, with what the conventions name", async () => {
  const { url } = await provider(answerAll);
  const { asked, kept, over } = await traced(url);
  expect((await collect(asked)).at(-1)).toMatchObject({ type: "finished" });
  expect([kept.length, over]).toEqual([2, [undefined]]);
  expect(kept[1]).toMatchObject({
    name: "chat m",
    parent: "process fake",
    ends: [undefined],
    attributes: {
      "gen_ai.provider.name": "openai",
      "gen_ai.response.model": "m",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(url).port),
    },
  });
});

test("a refusal is a failure of the span, with its status", async () => {
  const { url } = await provider((_request, response) => response.writeHead(503).end());
  const { asked, kept, over } = await traced(url);
  expect((await errorOf(collect(asked))).code).toBe("provider_overloaded");
  expect([kept[1]?.ends, over]).toEqual([["provider_overloaded"], ["provider_overloaded"]]);
  expect(kept[1]?.attributes["http.response.status_code"]).toBe(503);
});

test("an answer that is read no further, as of a hedge that lost, is no failure", async () => {
  const { url } = await provider((_request, response) =>
    beginStream(response, frame({ content: "Hi" })),
  );
  const { asked, kept } = await traced(url);
  const { signal } = new AbortController();
  const events = asked.stream({ messages }, { signal })[Symbol.asyncIterator]();
  await events.next();
  await events.next();
  expect(kept[1]?.ends).toEqual([]);
  await events.return?.();
  expect(kept[1]?.ends).toEqual([undefined]);
});
