import { describe, expect, it } from "vitest";
import { client, collect, errorOf, label, provider, rawProvider } from "../testing/asking.ts";
import { answerAll, socketIsFree, until } from "../testing/fake-provider.ts";

describe("a provider that cannot be reached", () => {
  it("refuses connections", async () => {
    const fake = await provider(answerAll);
    await fake.close();
    expect(await errorOf(collect(await client(fake.url)))).toMatchObject({
      code: "provider_unreachable",
      message: "fake cannot be reached (ECONNREFUSED).",
    });
  });

  it("has no address", async () => {
    const error = await errorOf(collect(await client("http://does-not-exist.invalid")));
    expect(error.code).toBe("provider_unreachable");
  });

  it("speaks no TLS", async () => {
    const fake = await rawProvider((socket) => socket.end("220 mail\r\n"));
    const error = await errorOf(collect(await client(fake.url.replace("http:", "https:"))));
    expect(error.code).toBe("provider_unreachable");
  });

  it("closes a new connection without an answer, and is not asked twice", async () => {
    const fake = await rawProvider((socket) => socket.on("data", () => socket.destroy()));
    const error = await errorOf(collect(await client(fake.url)));
    expect(error).toMatchObject({ code: "provider_unreachable", connection: "cold" });
    expect(fake.accepted).toHaveLength(1);
  });

  it("does not keep a worker from starting", async () => {
    const fake = await provider(answerAll);
    await fake.close();
    const startedAt = performance.now();
    await client(fake.url, { pool: { warm: 2 } });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe("whether a connection was warm", () => {
  it("is cold on the first run and warm on the second over the same socket", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url);
    expect(label(await collect(asked))).toBe("cold");
    await socketIsFree();
    expect(label(await collect(asked))).toBe("warm");
    expect(fake.accepted).toHaveLength(1);
  });

  it("is warm on the first run with a spare socket", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url, { pool: { warm: 2 } });
    await until(() => fake.accepted.length === 2);
    expect(label(await collect(asked))).toBe("warm");
  });

  it("is told right for runs at the same time", async () => {
    const fake = await provider((request, response) => {
      if (fake.accepted.length >= 5) answerAll(request, response);
      else waiting.push(() => answerAll(request, response));
      if (fake.accepted.length >= 5) for (const answer of waiting.splice(0)) answer();
    });
    const waiting: (() => void)[] = [];
    const asked = await client(fake.url, { pool: { warm: 2, connections: 5 } });
    const labels = (await Promise.all(Array.from({ length: 5 }, () => collect(asked)))).map(label);
    expect(labels.toSorted()).toEqual(["cold", "cold", "cold", "warm", "warm"]);
  });

  it("is cold for a run that waited until a younger socket became free", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const runs = await Promise.all([collect(asked), collect(asked)]);
    expect(runs.map(label)).toEqual(["cold", "cold"]);
    expect(fake.accepted).toHaveLength(1);
  });
});

describe("a socket that the provider closed while it was idle", () => {
  it("goes unnoticed when the news came before the next run", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url);
    await collect(asked);
    await socketIsFree();
    for (const socket of fake.open) socket.end();
    await until(() => fake.open.size === 0);
    expect((await collect(asked)).at(-1)).toMatchObject({ finish: "stop" });
  });

  it("goes unnoticed when the news crosses the request", async () => {
    // Closes each socket's second request unanswered, as if it had been closed just before.
    const fake = await provider((request, response) => {
      const socket = request.socket as typeof request.socket & { used?: boolean };
      if (socket.used) socket.resetAndDestroy();
      else answerAll(request, response);
      socket.used = true;
    });
    const asked = await client(fake.url);
    await collect(asked);
    await socketIsFree();
    const second = await collect(asked);
    expect(second.at(-1)).toMatchObject({ finish: "stop" });
    // It paid for a connection of its own.
    expect(label(second)).toBe("cold");
    expect(fake.accepted).toHaveLength(2);
  });

  it("goes unnoticed by a run that waited for the socket since before it was opened", async () => {
    const fake = await provider((request, response) => {
      const socket = request.socket as typeof request.socket & { used?: boolean };
      if (socket.used) socket.resetAndDestroy();
      else answerAll(request, response);
      socket.used = true;
    });
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const runs = await Promise.all([collect(asked), collect(asked)]);
    for (const events of runs) expect(events.at(-1)).toMatchObject({ finish: "stop" });
    expect(fake.accepted).toHaveLength(2);
  });

  it("is tried again on a new connection even where every open socket is stale", async () => {
    const stale = new Set<unknown>();
    const fake = await provider((request, response) => {
      if (stale.has(request.socket)) request.socket.resetAndDestroy();
      else answerAll(request, response);
    });
    const asked = await client(fake.url, { pool: { warm: 4 } });
    await until(() => fake.accepted.length === 4);
    for (const socket of fake.accepted) stale.add(socket);
    expect((await collect(asked)).at(-1)).toMatchObject({ finish: "stop" });
  });

  it("is not taken for one that closes long after the request: that is the provider's failure", async () => {
    let requests = 0;
    const fake = await provider((request, response) => {
      requests += 1;
      if (requests === 1) answerAll(request, response);
      else setTimeout(() => request.socket.resetAndDestroy(), 2_100);
    });
    const asked = await client(fake.url);
    await collect(asked);
    await socketIsFree();
    expect(await errorOf(collect(asked))).toMatchObject({
      code: "provider_unreachable",
      connection: "warm",
    });
    expect(requests).toBe(2);
  });

  it("is tried again once only", async () => {
    let requests = 0;
    const fake = await provider((request) => {
      requests += 1;
      request.socket.resetAndDestroy();
    });
    const asked = await client(fake.url, { pool: { warm: 1 } });
    expect(await errorOf(collect(asked))).toMatchObject({
      code: "provider_unreachable",
      connection: "cold",
    });
    expect(requests).toBe(2);
  });
});
