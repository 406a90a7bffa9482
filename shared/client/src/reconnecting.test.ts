/** How the client acts when connections are lost, fall silent, or are about to go. */
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GatewayClientOptions } from "./gateway-client.ts";
import type { RunEvent } from "./run-event.ts";
import {
  deltas,
  done,
  restart,
  resumed,
  ScriptedGateway,
  started,
} from "./testing/scripted-gateway.ts";
import type { Down } from "./wire.ts";

let gateway: ScriptedGateway;

beforeEach(async () => {
  gateway = await ScriptedGateway.start();
});

afterEach(() => gateway.stop());

async function typesOf(events: AsyncIterable<RunEvent>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

describe("a lost connection", () => {
  test("is resumed by position wherever a gateway answers, again and again, and repeats are left out", async () => {
    const run = gateway.connect({ session: "s" }).run("go");
    await (await gateway.peer()).accept("r");
    (await gateway.peer()).send(...deltas("r", ["0"]));
    for (let round = 1; round < 6; round += 1) {
      for await (const event of run.events()) if (event.type === "delta") break;
      (await gateway.peer(round - 1)).close();
      const peer = await gateway.peer(round);
      const { after } = await peer.told("resume");
      expect(after).toEqual({ epoch: 1, seq: round });
      // What was on its way comes twice.
      const pieces = deltas("r", [String(round - 1), String(round)], { first: round });
      peer.send(resumed("r"), ...pieces);
      await eventually("the piece", () => pieceCount(run, round + 1));
    }
    (await gateway.peer(5)).send(done("r"));
    expect(await run.text()).toBe("012345");
    expect(new Set(gateway.peers.map(({ session }) => session))).toEqual(new Set(["s"]));
  });

  test("before `accepted`: the run is sent again, five times at most, and one answer is read", async () => {
    const run = gateway.connect().run("go");
    for (let round = 0; round < 2; round += 1) {
      const peer = await gateway.peer(round);
      await peer.told("run");
      peer.close();
    }
    const peer = await gateway.peer(2);
    await peer.accept("r");
    peer.send(...deltas("r", ["whole"]), done("r"));
    expect(await run.text()).toBe("whole");

    // A request that makes gateways die must not go from one to the next.
    gateway.onPeer = (next) => {
      next.onRun = () => next.close();
      next.ready();
    };
    peer.close();
    await expect(gateway.connect().run("deadly").text()).rejects.toMatchObject({
      code: "connection_failed",
      retryable: true,
    });
    const asked = gateway.peers.flatMap((one) => one.all("run"));
    expect(asked.filter(({ message }) => message === "deadly")).toHaveLength(5);
  });

  test("before `accepted`, by a gateway that had begun: the run is resumed under its id, not begun again", async () => {
    const run = gateway.connect({ session: "s" }).run("go", { session: "theirs" });
    const first = await gateway.peer();
    const { run: id = "" } = await first.told("run");
    first.close();
    const peer = await gateway.peer(1);
    const again = await peer.told("run");
    expect(again.run).toBe(id);
    peer.send({
      type: "error",
      ref: again.ref,
      code: "invalid_request",
      message: "There is a run of that id already.",
      retryable: false,
    });
    const after = { epoch: 0, seq: 0 };
    expect(await peer.told("resume")).toEqual({
      type: "resume",
      run: id,
      after,
      session: "theirs",
    });
    peer.send(resumed(id), started(id), ...deltas(id, ["whole"]), done(id));
    expect(await run.text()).toBe("whole");
  });

  test("before `accepted`, and then refused as unavailable: it keeps its id, as the first may be alive", async () => {
    const run = gateway.connect().run("go");
    const first = await gateway.peer();
    const { run: id = "" } = await first.told("run");
    first.close();
    const peer = await gateway.peer(1);
    const { ref } = await peer.told("run");
    peer.send({ type: "error", ref, code: "unavailable", message: "Not now.", retryable: true });
    expect((await peer.told("run", 1)).run).toBe(id);
    await peer.accept(id, { nth: 1 });
    peer.send(...deltas(id, ["whole"]), done(id));
    expect(await run.text()).toBe("whole");
  });

  test("before `accepted`, of a request that is wrong after all: that is what its user is told", async () => {
    const run = gateway.connect().run("go");
    const first = await gateway.peer();
    await first.told("run");
    first.close();
    const peer = await gateway.peer(1);
    const { ref } = await peer.told("run");
    const refusal = { code: "invalid_request", message: "Wrong.", retryable: false } as const;
    peer.send({ type: "error", ref, ...refusal });
    const { run: id } = await peer.told("resume");
    peer.send({ type: "resumed", run: id, outcome: "not_resumable", reason: "unknown_run" });
    await expect(run.text()).rejects.toMatchObject(refusal);
  });

  test("before `accepted`, and cancelled before it is refused: what had begun elsewhere is cancelled", async () => {
    const run = gateway.connect().run("go");
    const first = await gateway.peer();
    const { run: id } = await first.told("run");
    first.close();
    const peer = await gateway.peer(1);
    const { ref } = await peer.told("run");
    run.cancel();
    peer.send({ type: "error", ref, code: "invalid_request", message: "Taken.", retryable: false });
    expect(await peer.told("cancel")).toMatchObject({ run: id });
    await expect(run.text()).rejects.toMatchObject({ code: "cancelled" });
  });

  test("resumes and cancels runs of other sessions by the name of their session", async () => {
    const client = gateway.connect({ session: "mine" });
    const own = client.run("own");
    const other = client.run("other", { session: "theirs" });
    const first = await gateway.peer();
    await first.accept("r1");
    await first.accept("r2", { nth: 1 });
    await eventually("both to be accepted", () => own.id && other.id);
    first.close();
    const next = await gateway.peer(1);
    const after = { epoch: 1, seq: 0 };
    await next.told("resume", 1);
    expect(next.all("resume")).toEqual([
      { type: "resume", run: "r1", after },
      { type: "resume", run: "r2", after, session: "theirs" },
    ]);
    next.send(resumed("r1"), ...deltas("r1", ["a"]), done("r1"));
    expect(await own.text()).toBe("a");
    next.send(resumed("r2"), ...deltas("r2", ["b"]));
    other.cancel();
    expect(await next.told("cancel")).toMatchObject({ run: "r2", session: "theirs" });
    expect(gateway.peers.length).toBe(2);
  });

  test.each([
    ["open", "resume"],
    ["asked for", "run"],
  ] as const)("the run that was %s has its place back before one that waits", async (was, type) => {
    gateway.onPeer = (peer) => peer.ready({ maxRuns: 1 });
    const client = gateway.connect();
    const [run] = [client.run("one"), client.run("two")];
    const first = await gateway.peer();
    const { run: id } = await first.told("run");
    if (was === "open") {
      await first.accept(id ?? "");
      await eventually("the run", () => run.id);
    }
    first.close();
    const next = await gateway.peer(1);
    expect(await eventually("a frame", () => next.frames[0])).toMatchObject({ type, run: id });
  });

  test("that stays open but says nothing is found out by a ping, and left", async () => {
    const run = gateway.connect({ silenceMs: 50, pongMs: 50 }).run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    peer.answersPings = false;
    const next = await gateway.peer(1);
    await next.told("resume");
    next.send(resumed("r"), ...deltas("r", ["x"]));
    // A provider that thinks for long is no reason to leave: pings are answered.
    await eventually("three pings", () => next.pings >= 3);
    for await (const event of run.events()) if (event.type === "delta") break;
    next.send(done("r"));
    expect(await run.text()).toBe("x");
    expect(gateway.peers).toHaveLength(2);
  });

  test("by close code: 4500 to 4999 fail at once and for good", async () => {
    const run = gateway.connect().run("go");
    await (await gateway.peer()).accept("r");
    (await gateway.peer()).close(4500);
    await expect(run.text()).rejects.toMatchObject({
      code: "connection_refused",
      retryable: false,
    });
    expect(gateway.peers).toHaveLength(1);
  });

  test("by close code 4008 is resumed", async () => {
    const run = gateway.connect().run("go");
    await (await gateway.peer()).accept("r");
    (await gateway.peer()).close(4008);
    const next = await gateway.peer(1);
    await next.told("resume");
    next.send(resumed("r"), done("r"));
    expect(await run.text()).toBe("");
  });
});

describe("a resume", () => {
  async function lost(
    reason: NonNullable<Down<"resumed">["reason"]>,
    options: Partial<GatewayClientOptions> = {},
  ) {
    const run = gateway.connect(options).run("go");
    await (await gateway.peer()).accept("r");
    await eventually("the run", () => run.id);
    (await gateway.peer()).close();
    const peer = await gateway.peer(1);
    await peer.told("resume");
    peer.send({ type: "resumed", run: "r", outcome: "not_resumable", reason });
    return { run, peer };
  }

  test.each(["unknown_run", "unknown_position", "too_many_readers"] as const)(
    "refused as %s ends the run",
    async (reason) => {
      const { run } = await lost(reason);
      await expect(run.text()).rejects.toMatchObject({ code: "run_lost", retryable: true });
    },
  );

  test("that finds the run cancelled meanwhile is no wish of the user: the run is lost", async () => {
    const run = gateway.connect().run("go");
    await (await gateway.peer()).accept("r");
    await eventually("the run", () => run.id);
    (await gateway.peer()).close();
    const next = await gateway.peer(1);
    await next.told("resume");
    next.send(resumed("r", "complete"), { type: "cancelled", run: "r" });
    await expect(run.text()).rejects.toMatchObject({ code: "run_lost", name: "GatewayError" });
  });

  test("refused as overloaded is tried again in about a second, on the same connection", async () => {
    const { run, peer } = await lost("overloaded");
    const refusedAt = performance.now();
    await peer.told("resume", 1);
    expect(performance.now() - refusedAt).toBeGreaterThan(600);
    peer.send(resumed("r"), ...deltas("r", ["x"]), done("r"));
    expect(await run.text()).toBe("x");
    expect(gateway.peers).toHaveLength(2);
  });

  test("refused as unavailable goes on with the next attempt, though its position was lost in between", async () => {
    const { run, peer } = await lost("unavailable");
    await peer.told("resume", 1);
    peer.send(resumed("r"), restart("r", 2), started("r", 2));
    peer.send(...deltas("r", ["x"], { epoch: 2 }), done("r"));
    expect(await run.text()).toBe("x");
  });

  test("refused as unavailable again and again is given up in time", async () => {
    const { run, peer } = await lost("unavailable", { giveUpMs: 500 });
    await peer.told("resume", 1);
    peer.send({ type: "resumed", run: "r", outcome: "not_resumable", reason: "unavailable" });
    await expect(run.text()).rejects.toMatchObject({ code: "unavailable", retryable: true });
  });

  test("refused as draining is tried again elsewhere", async () => {
    const { run, peer } = await lost("draining");
    const next = await gateway.peer(2);
    await next.told("resume");
    next.send(resumed("r"), done("r"));
    expect(await run.text()).toBe("");
    await eventually("the drained one to be left", () => peer.closed);
  });

  test("is asked for where a piece is missing, and nothing behind the hole is taken", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    peer.send(...deltas("r", ["a"]), ...deltas("r", ["c"], { first: 3 }), done("r"));
    expect((await peer.told("resume")).after).toEqual({ epoch: 1, seq: 1 });
    peer.send(resumed("r"), ...deltas("r", ["b", "c"], { first: 2 }), done("r"));
    expect(await run.text()).toBe("abc");
  });

  test("does not help against a gateway that loses the same piece again and again: an error", async () => {
    const run = gateway.connect().run("go");
    const peer = await gateway.peer();
    await peer.accept("r");
    const hole = deltas("r", ["c"], { first: 3 });
    peer.send(...hole);
    for (let nth = 0; nth < 2; nth += 1) {
      await peer.told("resume", nth);
      peer.send(resumed("r"), ...hole);
    }
    await expect(run.text()).rejects.toMatchObject({ code: "connection_refused" });
    await peer.told("cancel");
  });
});

describe("a gateway that drains", () => {
  test("and closes before another one has answered is asked for nothing twice", async () => {
    const run = gateway.connect().run("go");
    const old = await gateway.peer();
    await old.accept("r");
    old.send(...deltas("r", ["a"]), { type: "draining", reconnectWithinMs: 5_000 });
    const next = await gateway.peer(1);
    await next.told("resume");
    old.close(4001);
    await eventually("the close", () => old.closed);
    next.send(resumed("r"), ...deltas("r", ["b"], { first: 2 }), done("r"));
    expect(await run.text()).toBe("ab");
    expect(next.all("resume")).toHaveLength(1);
  });

  test("is left once everything goes on elsewhere; until then it is still read", async () => {
    const run = gateway.connect().run("go");
    const old = await gateway.peer();
    await old.accept("r");
    old.send(...deltas("r", ["a"]), { type: "draining", reconnectWithinMs: 5_000 });
    const next = await gateway.peer(1);
    expect((await next.told("resume")).after).toEqual({ epoch: 1, seq: 1 });
    old.send(...deltas("r", ["b"], { first: 2 }));
    await eventually("what the old one still says", () => pieceCount(run, 2));
    expect(old.closed).toBeUndefined();
    next.send(resumed("r"), ...deltas("r", ["b", "c"], { first: 2 }), done("r"));
    expect(await run.text()).toBe("abc");
    expect(await eventually("the old one to be left", () => old.closed)).toBe(1000);
    expect(await typesOf(run.events())).not.toContain("reconnecting");
  });

  test("refuses what it is asked, which is then asked elsewhere", async () => {
    const client = gateway.connect();
    const run = client.run("go");
    const old = await gateway.peer();
    const { ref } = await old.told("run");
    old.send({ type: "error", ref, code: "draining", message: "Leaving.", retryable: true });
    const next = await gateway.peer(1);
    await next.accept("r");
    next.send(done("r"));
    expect(await run.text()).toBe("");
  });
});

/** Whether so many characters have come. */
async function pieceCount(run: { events(): AsyncIterable<RunEvent> }, count: number) {
  for await (const event of run.events()) {
    if (event.type === "delta") return event.text.length >= count;
  }
  return false;
}
