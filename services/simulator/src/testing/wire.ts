/** A client for the tests: requests over real sockets, and the events of a stream taken apart. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { eventually } from "@openclaw/testing";
import { onTestFinished } from "vitest";
import type { FaultOptions } from "../faults/fault-settings.ts";
import { INSTANT, type ProfileTable, profilesAt } from "../profiles/profiles.ts";
import { createSimulator, type Simulator } from "../simulator.ts";

/** The parts of a chunk that any profile may send. */
export interface Chunk {
  readonly id: string;
  readonly object?: string;
  readonly note?: string;
  readonly choices: readonly {
    readonly delta: Readonly<Record<string, string | null>>;
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: Readonly<Record<string, unknown>> | null;
}

export interface Streamed {
  readonly headers: Headers;
  /** What followed each `data:`, `[DONE]` included. */
  readonly data: readonly string[];
  readonly chunks: readonly Chunk[];
  readonly text: string;
}

/** A simulator on a free port, stopped when the test that asked for it is over. */
export async function startSimulator(
  profiles: ProfileTable = profilesAt(INSTANT),
  faults: FaultOptions = {},
): Promise<Simulator> {
  const simulator = createSimulator({ port: 0, profiles, faults });
  await simulator.start();
  onTestFinished(() => simulator.stop());
  return simulator;
}

export interface Ask {
  readonly simulator: Simulator;
  readonly profile?: string;
  readonly prompt: string;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

export function ask({ simulator, profile = "openai", prompt, extra, signal }: Ask) {
  return post(
    `${simulator.url}/${profile}/v1/chat/completions`,
    { model: "m", messages: [{ role: "user", content: prompt }], stream: true, ...extra },
    signal,
  );
}

export function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const init = { method: "POST", body: JSON.stringify(body) };
  return fetch(url, signal ? { ...init, signal } : init);
}

export async function askStream(options: Ask): Promise<Streamed> {
  const response = await ask(options);
  const data = eventsIn(await response.text());
  const chunks = data
    .filter((line) => line !== "[DONE]")
    // What arrives is asserted on by the tests, field by field.
    .map((line) => JSON.parse(line) as Chunk);
  return { headers: response.headers, data, chunks, text: textOf(chunks) };
}

/** The `data` of each event, for any of the three line endings. */
export function eventsIn(body: string): string[] {
  return body
    .split(/\r\n|\r|\n/)
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice("data: ".length));
}

export function textOf(chunks: readonly Chunk[]): string {
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  /** As they came off the socket's HTTP parser. */
  readonly portions: readonly Buffer[];
  /** `false` when the socket closed before the response was complete. */
  readonly complete: boolean;
}

/** Reads a response portion by portion, also one that breaks off. */
export function readRaw(url: string, prompt: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", agent: false }, (response) => {
      const portions: Buffer[] = [];
      response.on("data", (portion: Buffer) => portions.push(portion));
      // A response that breaks off raises an error before it closes; `complete` tells the same.
      response.on("error", () => undefined);
      response.on("close", () => {
        resolve({ headers: response.headers, portions, complete: response.complete });
      });
    });
    request.on("error", reject);
    const messages = [{ role: "user", content: prompt }];
    request.end(JSON.stringify({ model: "m", messages, stream: true }));
  });
}

export interface Spoken {
  /** All that came, headers included. */
  readonly bytes: string;
  /** How the connection ended: `ECONNRESET`, or undefined for a plain close. */
  readonly error: string | undefined;
}

/** Sends a request over a socket of its own and takes down all that comes back until it closes. */
export async function speak({ simulator, profile = "openai", prompt }: Ask): Promise<Spoken> {
  const socket = connect(simulator.port, "127.0.0.1");
  let bytes = "";
  let error: string | undefined;
  socket.on("data", (portion) => {
    bytes += portion;
  });
  socket.on("error", (raised: NodeJS.ErrnoException) => {
    error = raised.code;
  });
  socket.write(requestFor(profile, prompt));
  await new Promise((resolve) => socket.once("close", resolve));
  return { bytes, error };
}

/** The bytes of a chat request. */
export function requestFor(profile: string, prompt: string): string {
  const messages = [{ role: "user", content: prompt }];
  const body = JSON.stringify({ model: "m", messages, stream: true });
  const head = `POST /${profile}/v1/chat/completions HTTP/1.1\r\nhost: sim\r\n`;
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export async function until(holds: () => boolean): Promise<void> {
  await eventually("the condition", holds, { everyMs: 2 });
}
