import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { answerFor } from "../answer-for.ts";
import { type Directive, directive } from "../directive.ts";
import { INSTANT, profilesAt } from "../profiles/profiles.ts";
import { createSimulator, type Simulator } from "../simulator.ts";
import { eventsIn, until } from "../testing/wire.ts";
import type { TlsSettings } from "./tls-listener.ts";

async function start(settings: Partial<TlsSettings> = {}): Promise<Simulator> {
  const tls = { port: 0, ...settings };
  const simulator = createSimulator({ port: 0, profiles: profilesAt(INSTANT), tls });
  await simulator.start();
  onTestFinished(() => simulator.stop());
  return simulator;
}

/** As a client does that was told to trust this one certificate. */
const trust = ({ certificate = "" }: Simulator) => ({ ca: certificate, servername: "localhost" });

function address({ tlsUrl = "" }: Simulator) {
  const { hostname, port } = new URL(tlsUrl);
  return { host: hostname, port: Number(port) };
}

async function connect(simulator: Simulator, session?: Buffer): Promise<TLSSocket> {
  const options = { ...address(simulator), ...trust(simulator), ...(session && { session }) };
  const socket = connectTls(options);
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket.resume();
}

const bodyFor = (prompt: string) =>
  JSON.stringify({ model: "m", messages: [{ role: "user", content: prompt }], stream: true });

async function askHttp1(simulator: Simulator, prompt: string): Promise<string> {
  const url = `${simulator.tlsUrl}/zhipu/v1/chat/completions`;
  const options = { method: "POST", agent: false, ...trust(simulator) } as const;
  const request = httpsRequest(url, options).end(bodyFor(prompt));
  const [response] = await once(request, "response");
  return text(response);
}

async function connectH2(simulator: Simulator) {
  const session = connectHttp2(simulator.tlsUrl ?? "", trust(simulator));
  session.on("error", () => undefined); // the tests look at streams
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  return {
    session,
    /** @throws the stream's error where it is reset */
    ask(asked: Directive) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/zhipu/v1/chat/completions",
      });
      stream.end(bodyFor(directive(asked)));
      return { stream, answer: text(stream) };
    },
  };
}

test("answers over TLS are those of the plain port, for who trusts the certificate", async () => {
  const simulator = await start();
  const prompt = directive({ words: 20, seed: 3 });
  const events = eventsIn(await askHttp1(simulator, prompt));
  expect(events.at(-1)).toBe("[DONE]");
  const pieces = events.slice(0, -1).map((event) => JSON.parse(event).choices[0].delta.content);
  expect(pieces.join("")).toBe(answerFor({ prompt, profile: "zhipu" }));
});

test("who does not trust the certificate gets no connection", async () => {
  const simulator = await start();
  const socket = connectTls(address(simulator));
  const [error] = await once(socket, "error");
  expect(error.code).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
});

test("the certificate is written where other processes find it, without its key", async () => {
  const directory = await mkdtemp(join(tmpdir(), "openclaw-tls-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const certFile = join(directory, "ca.pem");
  const simulator = await start({ certFile });
  const written = await readFile(certFile, "utf8");
  expect(written).toBe(simulator.certificate);
  expect(written).not.toContain("PRIVATE");
});

test("a new connection pays handshakeMs before its handshake, a resumed one as much", async () => {
  const simulator = await start({ handshakeMs: 120 });
  const timed = async (session?: Buffer) => {
    const startedAt = performance.now();
    const socket = await connect(simulator, session);
    return { socket, tookMs: performance.now() - startedAt };
  };
  const first = await timed();
  const [ticket] = await once(first.socket, "session");
  const second = await timed(ticket);
  for (const { tookMs } of [first, second]) {
    expect(tookMs).toBeGreaterThanOrEqual(119);
    expect(tookMs).toBeLessThan(2_000);
  }
  expect(second.socket.isSessionReused()).toBe(true);
  await until(() => simulator.stats().handshakes.resumed === 1);
  expect(simulator.stats().handshakes).toEqual({ full: 1, resumed: 1 });
});

test("connections count from their accept to their close, also those without a handshake", async () => {
  const simulator = await start();
  const secure = await connect(simulator);
  const silent = connectTcp(address(simulator));
  await once(silent, "connect");
  await until(() => simulator.stats().sockets.open === 2);
  secure.destroy();
  silent.destroy();
  await until(() => simulator.stats().sockets.closed === 2);
  expect(simulator.stats()).toMatchObject({
    sockets: { opened: 2, open: 0 },
    handshakes: { full: 1, resumed: 0 },
  });
});

test("idle connections are closed after idleMs, counted from the end of their handshake", async () => {
  const simulator = await start({ handshakeMs: 50 });
  simulator.setFaults({ idleMs: 30 });
  await once(await connect(simulator), "close");
  expect(simulator.stats().sockets.idleClosed).toBe(1);
});

test("a stop closes connections that are held before their handshake", async () => {
  const simulator = await start({ handshakeMs: 60_000 });
  const socket = connectTcp(address(simulator)).resume();
  const gone = once(socket, "close");
  await until(() => simulator.stats().sockets.open === 1);
  await simulator.stop();
  await gone;
});

test("a taken TLS port fails the start, and leaves nothing open", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  // Listening on TCP, so the address is no path.
  const { port } = taken.address() as { port: number };
  const simulator = createSimulator({ port: 0, tls: { port } });
  await expect(simulator.start()).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(() => simulator.url).toThrow("not listening");
});

test("http2 is spoken where it is set and asked for, HTTP/1.1 all the same", async () => {
  const simulator = await start({ http2: true });
  const { session, ask } = await connectH2(simulator);
  expect(session.alpnProtocol).toBe("h2");
  const answers = await Promise.all([1, 2, 3].map((seed) => ask({ words: 5, seed }).answer));
  for (const answer of answers) expect(eventsIn(answer).at(-1)).toBe("[DONE]");
  expect(simulator.stats().sockets.opened).toBe(1);
  expect(eventsIn(await askHttp1(simulator, directive({ words: 5 }))).at(-1)).toBe("[DONE]");
  expect(simulator.stats().profiles.zhipu).toMatchObject({ completed: 4, sockets: 2 });
});

test("over HTTP/2 a fault ends its own stream, and an abort is seen as one", async () => {
  const simulator = await start({ http2: true });
  const { ask } = await connectH2(simulator);
  const whole = ask({ words: 20, gapMs: 10 });
  const aborted = ask({ words: 5, stallAfter: 2 });
  aborted.answer.catch(() => undefined); // it is ours to end
  await expect(ask({ words: 5, cutAfter: 2 }).answer).rejects.toThrow("NGHTTP2_INTERNAL_ERROR");
  await expect(ask({ words: 5, resetAfter: 2 }).answer).rejects.toThrow("NGHTTP2_INTERNAL_ERROR");
  aborted.stream.close();
  await until(() => simulator.stats().total.aborted === 1);
  expect(eventsIn(await whole.answer).at(-1)).toBe("[DONE]");
  expect(simulator.stats().total).toMatchObject({ broken: 2, completed: 1, active: 0 });
});

test("an HTTP/2 connection is idle when its last answer is over", async () => {
  const simulator = await start({ http2: true });
  const { session, ask } = await connectH2(simulator);
  simulator.setFaults({ idleMs: 60 });
  const long = ask({ words: 10, gapMs: 20 });
  await ask({ words: 1 }).answer;
  expect(eventsIn(await long.answer).at(-1)).toBe("[DONE]");
  await once(session, "close");
  expect(simulator.stats().sockets.idleClosed).toBe(1);
});
