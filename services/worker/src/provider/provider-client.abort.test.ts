import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { client, collect, messages, provider } from "../testing/asking.ts";
import {
  answerAll,
  beginStream,
  frame,
  socketIsFree,
  until,
  WHOLE_ANSWER,
} from "../testing/fake-provider.ts";
import type { ProviderEvent } from "./contract/provider-event.ts";

describe("an abort", () => {
  const reason = new Error("the run was cancelled");

  it("closes the socket at once, before headers and in the middle of the answer", async () => {
    for (const begin of [false, true]) {
      let arrived = false;
      const fake = await provider((_request, response) => {
        if (begin) beginStream(response, frame({ content: "Hi" }));
        arrived = true;
      });
      const aborting = new AbortController();
      const run = collect(await client(fake.url), aborting.signal);
      await until(() => arrived);
      expect(fake.open.size).toBe(1);
      const abortedAt = performance.now();
      aborting.abort(reason);
      await expect(run).rejects.toBe(reason);
      await until(() => fake.open.size === 0);
      expect(performance.now() - abortedAt).toBeLessThan(2_000);
      await socketIsFree();
      expect(fake.accepted).toHaveLength(1);
    }
  });

  it("ends a run that still waits for a connection", async () => {
    const fake = await provider((_request, response) => beginStream(response));
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const first = new AbortController();
    const running = collect(asked, first.signal);
    await until(() => fake.accepted.length === 1);
    const second = new AbortController();
    const waiting = collect(asked, second.signal);
    second.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    first.abort(reason);
    await expect(running).rejects.toBe(reason);
  });

  it("leaves a socket alone that went back to the pool and carries another run", async () => {
    let second: Parameters<typeof beginStream>[0] | undefined;
    const big = frame({ content: "x".repeat(20_000) });
    const fake = await provider((_request, response) => {
      beginStream(response, big);
      if (fake.accepted.length === 1 && second === undefined) response.end(WHOLE_ANSWER.join(""));
      second = response;
    });
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const aborting = new AbortController();
    const slow = asked.stream({ messages }, { signal: aborting.signal })[Symbol.asyncIterator]();
    // The first answer is complete on the wire, and not read by its consumer.
    await slow.next();
    const first = second;
    const running = collect(asked);
    await until(() => second !== first);
    aborting.abort(reason);
    await expect(slow.next()).rejects.toBe(reason);
    second?.end(WHOLE_ANSWER.join(""));
    expect((await running).at(-1)).toMatchObject({ finish: "stop" });
    expect(fake.accepted).toHaveLength(1);
  });

  it("before the start asks nothing", async () => {
    const fake = await provider(answerAll);
    await expect(collect(await client(fake.url), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(fake.accepted).toHaveLength(0);
  });

  it("keeps back text that had already arrived", async () => {
    const fake = await provider((_request, response) => {
      beginStream(response, frame({ content: "a" }) + frame({ content: "b" }));
    });
    const aborting = new AbortController();
    const seen: ProviderEvent[] = [];
    const asked = await client(fake.url);
    const run = async () => {
      for await (const event of asked.stream({ messages }, { signal: aborting.signal })) {
        seen.push(event);
        if (event.type === "text") aborting.abort(reason);
      }
    };
    await expect(run()).rejects.toBe(reason);
    expect(seen.filter(({ type }) => type === "text")).toHaveLength(1);
  });
});

it("leaving the loop early closes the socket", async () => {
  let carrier: () => Socket | undefined = () => undefined;
  const fake = await provider((request, response) => {
    carrier = () => request.socket;
    beginStream(response, frame({ content: "a" }));
  });
  const asked = await client(fake.url);
  for (const last of ["headers", "text"]) {
    for await (const event of asked.stream(
      { messages },
      { signal: new AbortController().signal },
    )) {
      if (event.type === last) break;
    }
    await until(() => carrier()?.destroyed === true);
  }
});
