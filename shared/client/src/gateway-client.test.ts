/** The client against a real WebSocket server that does what gateways and networks do. */
import { eventually, freePort } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GatewayClient } from "./gateway-client.ts";
import {
  deltas,
  done,
  restart,
  resumed,
  ScriptedGateway,
  started,
} from "./testing/scripted-gateway.ts";

let gateway: ScriptedGateway;

beforeEach(async () => {
  gateway = await ScriptedGateway.start();
});

afterEach(() => gateway.stop());

describe("one socket", () => {
  test("carries runs of several sessions, each with its own text, thoughts and figures", async () => {
    const client = gateway.connect({ session: "mine" });
    const first = client.run("one", { provider: "zhipu", options: { temperature: 1 } });
    const second = client.run([{ role: "user", content: "two" }], { session: "theirs" });
    const peer = await gateway.peer();
    await peer.accept("r1");
    await peer.accept("r2", { nth: 1 });
    const [a, b] = [deltas("r1", ["A", "a"]), deltas("r2", ["B", "b"], { first: 2 })];
    peer.send({ type: "reasoning", run: "r2", epoch: 1, seq: 1, text: "hm" });
    peer.send(...[0, 1].flatMap((at) => [a[at], b[at]].flatMap((frame) => frame ?? [])));
    peer.send(done("r2"), done("r1"));
    expect(await first.result).toMatchObject({
      ...{ run: "r1", text: "Aa", reasoning: "", provider: "zhipu", model: "model-1" },
      ...{ finish: "stop", usage: { inputTokens: 3, outputTokens: 5 }, timings: { totalMs: 7 } },
      seen: { firstTextMs: expect.any(Number), totalMs: expect.any(Number) },
    });
    expect([await second.text(), (await second.result).reasoning]).toEqual(["Bb", "hm"]);
    expect(peer.session).toBe("mine");
    expect(peer.all("run")).toMatchObject([
      { message: "one", provider: "zhipu", options: { temperature: 1 } },
      { messages: [{ role: "user", content: "two" }], session: "theirs" },
    ]);
    expect(gateway.peers).toHaveLength(1);
  });

  test("has as many runs open as the gateway allows; the next waits for a place", async () => {
    gateway.onPeer = (peer) => peer.ready({ maxRuns: 1 });
    const client = gateway.connect();
    const runs = ["one", "two"].map((prompt) => client.run(prompt));
    const peer = await gateway.peer();
    await peer.accept("r1");
    peer.send(...deltas("r1", ["x"]));
    for await (const _ of runs[0]?.events() ?? []) break;
    expect(peer.all("run")).toHaveLength(1);
    peer.send(done("r1"));
    expect((await peer.told("run", 1)).message).toBe("two");
  });

  test.each(["accepted", "refused"])(
    "has room for the next once it has %s a run that was cancelled before",
    async (outcome) => {
      gateway.onPeer = (peer) => peer.ready({ maxRuns: 1 });
      const client = gateway.connect();
      const [run] = [client.run("one"), client.run("two")];
      const peer = await gateway.peer();
      const { ref } = await peer.told("run");
      run.cancel();
      if (outcome === "accepted") peer.send({ type: "accepted", ref, run: "r1" });
      else peer.send({ type: "error", ref, code: "overloaded", message: "Full.", retryable: true });
      expect((await peer.told("run", 1)).message).toBe("two");
      // The gateway must hear of the free place first.
      expect(peer.frames.map(({ type }) => type)).toEqual(["run", "cancel", "run"]);
    },
  );

  test("what it will not take is refused here: the gateway would close it under all other runs", async () => {
    const run = gateway.connect().run("ü".repeat(501));
    await expect(run.text()).rejects.toMatchObject({ code: "message_too_long", retryable: false });
    expect((await gateway.peer()).frames).toEqual([]);
  });

  test.each([
    ["control characters", "\u001b".repeat(6_000)],
    ["quotes", '"'.repeat(10_000)],
    [
      "many short messages",
      Array.from({ length: 900 }, () => ({ role: "user" as const, content: "a" })),
    ],
  ])("so is what is too long as JSON: %s", async (_, prompt) => {
    gateway.onPeer = (peer) => peer.ready({ maxMessageBytes: 10_000 });
    const client = gateway.connect();
    const run = client.run(prompt);
    void client.run("a".repeat(10_000));
    await expect(run.text()).rejects.toMatchObject({ code: "message_too_long", retryable: false });
    expect((await (await gateway.peer()).told("run")).message).toBe("a".repeat(10_000));
  });
});

describe("a lost attempt", () => {
  test("throws RestartedError in a loop that was given other text; the same run can be read anew", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    peer.send(...deltas("r", ["one"]));
    const given: string[] = [];
    const read = async () => {
      for await (const delta of run) {
        given.push(delta);
        peer.send(restart("r", 2), started("r", 2), ...deltas("r", ["two"], { epoch: 2 }));
      }
    };
    await expect(read()).rejects.toMatchObject({ name: "RestartedError" });
    expect(given).toEqual(["one"]);
    for await (const delta of run) {
      expect(delta).toBe("two");
      peer.send(done("r"));
    }
    expect(peer.all("cancel")).toEqual([]);
    expect((await run.result).model).toBe("model-2");
  });
});

describe("cancelling", () => {
  test("by signal ends the run here at once, with the signal's reason, and at the gateway", async () => {
    const abort = new AbortController();
    const run = gateway.connect().run("go", { signal: abort.signal });
    const peer = await gateway.peer();
    await peer.accept("r");
    await eventually("the run", () => run.id);
    const reason = new Error("changed my mind");
    abort.abort(reason);
    await expect(run.text()).rejects.toMatchObject({
      ...{ name: "AbortError", code: "cancelled", cause: reason },
    });
    expect((await peer.told("cancel")).run).toBe("r");
  });

  test.each(["cancel", "close"])(
    "before `accepted`, by `%s`, uses the name that was chosen here",
    async (by) => {
      const client = gateway.connect();
      const run = client.run("go");
      const peer = await gateway.peer();
      const { run: chosen, ref } = await peer.told("run");
      if (by === "cancel") run.cancel();
      else client.close();
      expect(await peer.told("cancel")).toMatchObject({ run: chosen });
      peer.send({ type: "accepted", ref, run: "r" });
      await expect(run.text()).rejects.toMatchObject({
        code: by === "cancel" ? "cancelled" : "closed",
      });
      expect(peer.all("cancel")).toHaveLength(1);
    },
  );

  test("before it begins sends nothing", async () => {
    const client = gateway.connect();
    const run = client.run("go", { signal: AbortSignal.abort() });
    await expect(run.text()).rejects.toMatchObject({ code: "cancelled" });
    await client.connect();
    expect((await gateway.peer()).frames).toEqual([]);
  });

  test("is what leaving a loop over the text does", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    peer.send(...deltas("r", ["a"]));
    for await (const _ of run) break;
    expect((await peer.told("cancel")).run).toBe("r");
  });

  test("is what `close` does to all that is open", async () => {
    const client = gateway.connect();
    const run = client.run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    await eventually("the run", () => run.id);
    client.close();
    await expect(run.text()).rejects.toMatchObject({ code: "closed", retryable: false });
    await peer.told("cancel");
    expect(await eventually("the close", () => peer.closed)).toBe(1000);
    expect(() => client.run("more")).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

describe("never silence:", () => {
  test("a run has a deadline of its own, which ends it at the gateway too", async () => {
    const run = gateway.connect().run("go", { timeoutMs: 100 });
    const peer = await gateway.peer();
    await peer.accept("r");
    await expect(run.text()).rejects.toMatchObject({ code: "timeout", retryable: true });
    await peer.told("cancel");
  });

  test("a gateway that never says `ready` is left for another", async () => {
    gateway.onPeer = (peer) => {
      if (gateway.peers.length > 1) peer.ready();
    };
    const run = gateway.connect({ connectTimeoutMs: 1_000 }).run("go");
    const peer = await gateway.peer(1);
    await peer.accept("r");
    peer.send(done("r"));
    expect(await run.text()).toBe("");
  });

  test("no gateway at all: `connect` says so at once, a run after `giveUpMs`, and neither tells more than the host", async () => {
    const url = `ws://user:secret@127.0.0.1:${await freePort()}/ws/stream?token=secret`;
    const client = gateway.connect({ url, giveUpMs: 200 });
    const failure = { code: "connection_failed", message: expect.not.stringContaining("secret") };
    await expect(client.connect()).rejects.toMatchObject(failure);
    await expect(client.run("go").text()).rejects.toMatchObject(failure);
  });

  test("what a WebSocket says of its failure is passed on, unless it quotes the address and its key", async () => {
    const failing = (why: (url: string) => string) =>
      class {
        onopen: unknown;
        onmessage: unknown;
        onerror: ((event: { message: string }) => void) | undefined;
        onclose: ((event: { code: number }) => void) | undefined;
        constructor(url: string) {
          setImmediate(() => {
            this.onerror?.({ message: why(url) });
            this.onclose?.({ code: 1006 });
          });
        }
        send = () => undefined;
        close = () => undefined;
      };
    const why = async (said: (url: string) => string) => {
      const url = "ws://127.0.0.1:1/?api_key=secret";
      return gateway
        .connect({ url, WebSocket: failing(said) })
        .connect()
        .catch(String);
    };
    expect(await why(() => "Expected 101 but got 503")).toContain(
      "reached: Expected 101 but got 503",
    );
    expect(await why((url) => `connection to '${url}' failed`)).not.toMatch(/secret|failed/);
  });

  test("a gateway that comes back in time is found", async () => {
    const port = await freePort();
    const run = gateway.connect({ url: `ws://127.0.0.1:${port}` }).run("go");
    const late = await ScriptedGateway.start(port);
    const peer = await late.peer();
    await peer.accept("r");
    peer.send(done("r"));
    expect(await run.text()).toBe("");
    await late.stop();
  });

  test("what is no frame is no reason to wait: the connection is left, and the run resumed", async () => {
    const run = gateway.connect().run("go");
    await (await gateway.peer()).accept("r");
    (await gateway.peer()).sendRaw("plain text");
    const next = await gateway.peer(1);
    await next.told("resume");
    next.send(resumed("r"), done("r"));
    expect(await run.text()).toBe("");
  });
});

describe("refused by the gateway", () => {
  test("a run fails with its code, and with how long to wait", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    const { ref } = await peer.told("run");
    const refusal = {
      code: "overloaded",
      message: "Full.",
      retryable: true,
      retryAfterMs: 1_500,
    } as const;
    peer.send({ type: "error", ref, ...refusal });
    await expect(run.text()).rejects.toMatchObject(refusal);
  });

  test("as unavailable, which says nothing of the run, it is asked again", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    const { ref } = await peer.told("run");
    peer.send({ type: "error", ref, code: "unavailable", message: "Not now.", retryable: true });
    // A gateway that refused a run after all may have made it known, and ends it.
    const [refused, again] = [await peer.told("run"), await peer.told("run", 1)];
    expect(again.run).not.toBe(refused.run);
    await peer.accept("r", { nth: 1 });
    peer.send(done("r"));
    expect(await run.text()).toBe("");
  });
});

describe("what cannot work is said at once:", () => {
  test("a wrong key, to a run and to `connect`", async () => {
    const told = { code: "invalid_api_key", retryable: false } as const;
    gateway.onPeer = (peer) => {
      peer.send({ type: "error", message: "No.", ...told });
      peer.close(4501);
    };
    await expect(gateway.connect().run("go").text()).rejects.toMatchObject(told);
    await expect(gateway.connect().connect()).rejects.toMatchObject(told);
  });

  test("no WebSocket, and what to do", () => {
    vi.stubGlobal("WebSocket", undefined);
    expect(() => new GatewayClient({ url: gateway.url })).toThrow(
      expect.objectContaining({ code: "no_websocket", message: expect.stringContaining("`ws`") }),
    );
    vi.unstubAllGlobals();
  });

  test.each(["张三", "user@example.com", "a/b?c#d%e f"])(
    "a session %s is asked for as it is",
    async (session) => {
      const client = gateway.connect({ session });
      void client
        .run("go")
        .text()
        .catch(() => undefined);
      const peer = await gateway.peer();
      expect(peer.session).toBe(session);
      peer.ready();
      expect(await peer.told("run")).not.toHaveProperty("session");
    },
  );

  test.each([".", ".."])(
    "a session %s, which no URL can name, is named in the request",
    async (session) => {
      const client = gateway.connect({ session });
      void client
        .run("go")
        .text()
        .catch(() => undefined);
      const peer = await gateway.peer();
      expect(peer.session).toBe("");
      peer.ready();
      expect(await peer.told("run")).toMatchObject({ session });
    },
  );

  test("a session with control characters or of too many bytes, an address of another kind", () => {
    const client = gateway.connect();
    const bad = expect.objectContaining({ code: "invalid_session" });
    expect(() => client.run("go", { session: "a\nb" })).toThrow(bad);
    expect(() => gateway.connect({ session: "张".repeat(86) })).toThrow(bad);
    expect(() => gateway.connect({ url: "file:///etc" })).toThrow(TypeError);
  });
});
