/** What clients of other systems and languages send: sessions of any text, byte order marks, media types. */
import { acceptedRunSchema, apiErrorSchema, runSchema } from "@openclaw/protocol";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { hashOf, SESSION_KEY } from "./session-names.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    workers: 1,
    env: SESSION_KEY,
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

/** Sends bytes, which have no type of their own as a text has. */
function post(path: string, body: string | Buffer, type: string | undefined): Promise<Response> {
  return fetch(`http://${cluster.host}${path}`, {
    method: "POST",
    ...(type !== undefined && { headers: { "content-type": type } }),
    body: Buffer.from(body),
  });
}

async function startedRun(body: string | Buffer): Promise<string> {
  return idOf(await post("/v1/runs", body, "application/json"));
}

async function idOf(response: Response): Promise<string> {
  expect(response.status).toBe(202);
  return acceptedRunSchema.parse(await response.json()).id;
}

async function textOf(id: string): Promise<string> {
  const report = await eventually("the end", async () => {
    const response = await fetch(`http://${cluster.host}/v1/runs/${id}`);
    const run = runSchema.parse(await response.json());
    return run.state === "completed" ? run : undefined;
  });
  return report.text;
}

describe("a session of any text", () => {
  test.each(["张三", "user@example.com", "a b/c?d#e%f+g", "Ünïcödé 👩‍🔬", "张".repeat(85)])(
    "%j is one session over v1, v2, HTTP, and in the path or a field",
    async (session) => {
      const url = cluster.url(encodeURIComponent(session));
      const v1 = await V1Client.connect(url);
      expect((await v1.ask(directive({ text: "hi" }), "zhipu")).text).toBe("hi");
      v1.close();
      const v2 = await V2Client.connect(url);
      expect(v2.session).toBe(session);
      const message = directive({ text: "from HTTP" });
      const run = await startedRun(JSON.stringify({ message, provider: "zhipu", session }));
      await textOf(run);
      v2.send({ type: "resume", run, after: { epoch: 0, seq: 0 } });
      expect(await v2.next("resumed")).toMatchObject({ run, outcome: "complete" });
      v2.close();
      const other = await V2Client.connect(cluster.url("other"));
      other.send({ type: "resume", run, after: { epoch: 0, seq: 0 } });
      expect(await other.next("resumed")).toMatchObject({ reason: "unknown_run" });
      other.send({ type: "resume", run, after: { epoch: 0, seq: 0 }, session });
      await eventually(
        "resumed by name",
        () => other.all("resumed").at(-1)?.outcome === "complete",
      );
      other.close();
      const line = await eventually("its line in the log", () =>
        cluster
          .logs("edge", "run finished")
          .find(({ sessionHash }) => sessionHash === hashOf(session)),
      );
      expect(line).toMatchObject({ outcome: "completed" });
    },
  );

  test("is in no log and no metric", async () => {
    const session = "user@example.org";
    const v1 = await V1Client.connect(cluster.url(encodeURIComponent(session)));
    await v1.ask(directive({ text: "hi" }), "zhipu");
    v1.close();
    await eventually("its line", () =>
      cluster
        .logs("edge", "run finished")
        .some(({ sessionHash }) => sessionHash === hashOf(session)),
    );
    const all = [...cluster.processes("edge"), ...cluster.processes("worker")];
    expect(JSON.stringify(all.map(({ logs }) => logs))).not.toMatch(/张三|user@|user%40/);
    const texts = cluster.processes("edge").map(({ admin }) => fetch(admin("/metrics")));
    for (const text of await Promise.all(texts))
      expect(await text.text()).not.toMatch(/张三|user@/);
  });
});

describe("a byte order mark is no part of what was sent", () => {
  const message = directive({ text: "marked" });
  const marked = `\uFEFF${JSON.stringify({ message, provider: "zhipu" })}`;
  const utf16 = Buffer.from(marked, "utf16le");

  test.each([
    ["UTF-8", Buffer.from(marked)],
    ["UTF-16, as PowerShell writes it", utf16],
    ["UTF-16, the other way round", Buffer.from(utf16).swap16()],
  ])("over HTTP, in %s", async (_, body) => {
    expect(await textOf(await startedRun(body))).toBe("marked");
  });

  test("over v1, v2 and in the path", async () => {
    const v1 = await V1Client.connect(cluster.url());
    v1.send(marked);
    expect((await v1.reply()).text).toBe("marked");
    v1.close();
    const v2 = await V2Client.connect(cluster.url("%EF%BB%BFmine"));
    expect(v2.session).toBe("mine");
    v2.close();
  });
});

describe("the body of a POST is JSON", () => {
  const body = JSON.stringify({ message: directive({ text: "typed" }), provider: "zhipu" });

  test.each([
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/vnd.x+json",
    undefined,
  ])("of type %s it is served", async (type) => {
    expect(await textOf(await idOf(await post("/v1/runs", body, type)))).toBe("typed");
  });

  test.each([
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "text/json",
  ])("of type %s, which any page may send, it is refused and told how", async (type) => {
    const before = simulator.stats().total.requests;
    for (const path of ["/v1/runs", "/v1/chat/completions"]) {
      const response = await post(path, body, type);
      const { error } = apiErrorSchema.parse(await response.json());
      expect([response.status, error.code]).toEqual([415, "unsupported_media_type"]);
      expect(error.message).toMatch(/content-type: application\/json/);
    }
    expect(simulator.stats().total.requests).toBe(before);
  });

  test("a POST without a body needs none", async () => {
    const response = await fetch(`http://${cluster.host}/v1/runs/none/cancel`, { method: "POST" });
    expect(response.status).toBe(404);
  });
});
