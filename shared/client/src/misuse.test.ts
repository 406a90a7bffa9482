/** What callers, gateways and WebSockets get wrong: each costs the one run that it concerns, and no process. */
import { eventually, freePort } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { GatewayClient, type GatewayClientOptions, type RunRequest } from "./gateway-client.ts";
import { deltas, done, ScriptedGateway } from "./testing/scripted-gateway.ts";

let gateway: ScriptedGateway;
/** What would end a process. */
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);

beforeEach(async () => {
  uncaught.length = 0;
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  gateway = await ScriptedGateway.start();
});

afterEach(async () => {
  await gateway.stop();
  process.off("uncaughtException", note);
  process.off("unhandledRejection", note);
  expect(uncaught).toEqual([]);
});

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

// What plain JavaScript lets a caller give, TypeScript does not.
const asPrompt = (value: unknown) => value as string;
const asRequest = (value: unknown) => value as RunRequest;

describe("what a caller gets wrong is thrown by that call:", () => {
  test.each([
    ["nothing", undefined, /prompt must be a string or a list of messages/],
    ["null", null, /prompt must be a string or a list of messages/],
    ["a number", 5, /prompt must be a string or a list of messages/],
    ["an object", { role: "user", content: "x" }, /prompt must be a string or a list of messages/],
    ["a function", () => "x", /`prompt` cannot be sent: it is a function/],
    ["a list with nothing in it", [undefined], /message 0 must have `role` and `content`/],
    ["a hole in the list", Object.assign(new Array(1), {}), /message 0 must have/],
    ["a message without content", [{ role: "user" }], /message 0 must have `role` and `content`/],
    ["content that is no text", [{ role: "user", content: 5 }], /message 0 must have/],
  ])("a prompt that is %s", async (_, prompt, why) => {
    const client = gateway.connect();
    expect(() => client.run(asPrompt(prompt))).toThrow(TypeError);
    expect(() => client.run(asPrompt(prompt))).toThrow(why);
    await expectAnswer(client);
  });

  test.each<[string, unknown, RegExp]>([
    ["a request that is text", "zhipu", /request must be an object/],
    ["a provider that is none", { provider: 5 }, /provider must be a string/],
    ["options that are text", { options: "fast" }, /options must be an object/],
    ["options that are a list", { options: ["fast"] }, /options must be an object/],
    ["an option with a cycle", { options: { cyclic } }, /circular/],
    [
      "an option that is a BigInt",
      { options: { seed: 1n } },
      /`seed` cannot be sent: it is a bigint/,
    ],
    [
      "an option that is NaN",
      { options: { top_k: Number.NaN } },
      /`top_k` cannot be sent: it is NaN/,
    ],
    ["a signal that is none", { signal: {} }, /signal must be an AbortSignal/],
    ["a session that is no text", { session: 5 }, /session must be a string/],
    ["a time that is text", { timeoutMs: "5000" }, /timeoutMs must be a number of milliseconds/],
    ["a time that is NaN", { timeoutMs: Number.NaN }, /timeoutMs must be .* not NaN/],
    ["a time below 0", { timeoutMs: -1 }, /timeoutMs must be .* above 0, or Infinity, not -1/],
  ])("%s", async (_, request, why) => {
    const client = gateway.connect();
    expect(() => client.run("go", asRequest(request))).toThrow(TypeError);
    expect(() => client.run("go", asRequest(request))).toThrow(why);
    await expectAnswer(client);
  });

  test.each<[string, unknown, RegExp]>([
    ["no options", undefined, /options must be an object/],
    ["no url", {}, /url must be such as ws:/],
    ["a url that is none", { url: "secret" }, /url must be such as ws:/],
    ["a url of another kind", { url: "file:///secret" }, /url must be such as ws:/],
    ["a WebSocket that is none", { WebSocket: {} }, /WebSocket must be a class/],
    ["a session that is no text", { session: 5 }, /session must be a string/],
    ["connectTimeoutMs", { connectTimeoutMs: "1" }, /connectTimeoutMs must be a number/],
    ["giveUpMs", { giveUpMs: Number.NaN }, /giveUpMs must be a number/],
    ["silenceMs", { silenceMs: -5 }, /silenceMs must be a number/],
    ["pongMs", { pongMs: 0 }, /pongMs must be a number/],
  ])("for a client: %s", (_, given, why) => {
    const options = (
      _ === "no options" || _ === "no url"
        ? given
        : { url: gateway.url, WebSocket, ...(given as object) }
    ) as GatewayClientOptions;
    const make = () => new GatewayClient(options);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(why);
    expect(make).not.toThrow(/secret/);
  });

  test("null is the same as not given, everywhere", async () => {
    const nothing = { provider: null, options: null, signal: null, session: null, timeoutMs: null };
    const times = { connectTimeoutMs: null, giveUpMs: null, silenceMs: null, pongMs: null };
    const client = gateway.connect({ session: null, ...times } as unknown as GatewayClientOptions);
    const runs = [client.run("go", asRequest(nothing)), client.run("go", asRequest(null))];
    const peer = await gateway.peer();
    for (const [nth, run] of runs.entries()) {
      expect(await peer.told("run", nth)).not.toHaveProperty("session");
      await peer.accept(`r${nth}`, { nth });
      peer.send(done(`r${nth}`));
      expect(await run.text()).toBe("");
    }
  });

  test("what was asked stays as it was, whatever the caller does with its messages", async () => {
    const messages = [{ role: "user" as const, content: "first" }];
    const options = { temperature: 1 };
    const run = gateway.connect().run(messages, { options });
    messages.push({ role: "user", content: "second" });
    options.temperature = 2;
    const peer = await gateway.peer();
    const asked = await peer.told("run");
    expect(asked).toMatchObject({ messages: [{ content: "first" }], options: { temperature: 1 } });
    expect(asked.messages).toHaveLength(1);
    run.cancel();
  });
});

describe("what fails inside one run ends that run alone:", () => {
  test("frames that no gateway should send", async () => {
    const client = gateway.connect();
    const [bad, good] = [client.run("bad"), client.run("good")];
    const peer = await gateway.peer();
    await peer.accept("r1");
    await peer.accept("r2", { nth: 1 });
    peer.sendRaw('{"type":"delta","run":"r1","epoch":1,"seq":1}');
    peer.send(...deltas("r2", ["whole"]), done("r2"));
    expect(await good.text()).toBe("whole");
    await expect(bad.text()).rejects.toMatchObject({ code: "connection_refused" });
    expect(gateway.peers).toHaveLength(1);
  });

  test("a `ready` without limits is no gateway's: the next connection is tried", async () => {
    gateway.onPeer = (peer) => {
      if (gateway.peers.length === 1) peer.sendRaw('{"type":"ready","session":"s"}');
      else peer.ready();
    };
    const run = gateway.connect().run("go");
    const peer = await gateway.peer(1);
    await peer.accept("r");
    peer.send(done("r"));
    expect(await run.text()).toBe("");
  });

  test.each([1009, undefined])(
    "a request that makes the gateway close with %s: the others asked with it are answered",
    async (code) => {
      gateway.onPeer = (peer) => {
        peer.ready();
        peer.onRun = ({ ref, message }) => {
          if (message === "bad") peer.close(code);
          // Later than the close, as where a gateway reads no more behind what it cannot take.
          else if (peer.all("run").every((run) => run.message !== "bad")) {
            peer.send({ type: "accepted", ref, run: `run-${ref}` }, done(`run-${ref}`));
          }
        };
      };
      const client = gateway.connect();
      const asked = ["bad", ...Array.from({ length: 5 }, (_, at) => `good ${at}`)];
      const runs = asked.map((prompt) => client.run(prompt));
      const outcomes = await Promise.all(runs.map((run) => run.text().catch(({ code }) => code)));
      // Once the runs that broke with it are asked aside, no connection breaks under the others.
      const withOthers = gateway.peers.filter((peer) => peer.all("run").length > 1);
      expect(withOthers.length).toBeLessThanOrEqual(2);
      const refused = code === undefined ? "connection_failed" : "connection_refused";
      expect(outcomes).toEqual([refused, ...asked.slice(1).map(() => "")]);
    },
  );

  test("a WebSocket that throws when it sends is a lost connection", async () => {
    let failures = 1;
    class Throwing extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        const send = this.send.bind(this);
        this.send = (data: string) => {
          failures -= 1;
          if (failures >= 0) throw new Error("not now");
          send(data);
        };
      }
    }
    const client = gateway.connect({ WebSocket: Throwing });
    const run = client.run("go");
    const peer = await gateway.peer(1);
    await peer.accept("r");
    await eventually("the run", () => run.id);
    failures = 1;
    // It has its own word for what happened; that the gateway could not be told is no news to it.
    run.cancel();
    await expect(run.text()).rejects.toMatchObject({ code: "cancelled" });
  });

  test("a failure that nobody waits for ends no process", async () => {
    gateway.onPeer = (peer) => peer.close(4500);
    const client = gateway.connect();
    const run = client.run("go");
    void run.text();
    void run.result;
    void client.connect();
    await expect(run.text()).rejects.toMatchObject({ code: "connection_refused" });
    await expect(client.connect()).rejects.toMatchObject({ code: "connection_refused" });
  });
});

describe("times:", () => {
  test("Infinity is never, and what is longer than a timer takes is as long as it says", async () => {
    const port = await freePort();
    for (const ms of [Number.POSITIVE_INFINITY, 2 ** 31, Number.MAX_VALUE]) {
      const times = { connectTimeoutMs: ms, giveUpMs: ms, silenceMs: ms, pongMs: ms };
      const client = gateway.connect({ url: `ws://127.0.0.1:${port}`, ...times });
      const run = client.run("go", { timeoutMs: ms });
      const late = await ScriptedGateway.start(port);
      const peer = await late.peer();
      await peer.accept("r");
      peer.send(done("r"));
      expect(await run.text()).toBe("");
      expect(peer.pings).toBe(0);
      client.close();
      await late.stop();
    }
  });
});

/** Expects that the client still gets an answer. */
async function expectAnswer(client: GatewayClient): Promise<void> {
  const run = client.run("go");
  const peer = await gateway.peer();
  await peer.accept("r");
  peer.send(...deltas("r", ["whole"]), done("r"));
  expect(await run.text()).toBe("whole");
}
