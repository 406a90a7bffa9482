/** Streams over undici, with every connection open before it is asked for one. */
import diagnostics from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { type Directive, directive } from "@openclaw/simulator";
import { Pool } from "undici";
import type { FarSimulator } from "./far-simulator.ts";

export type Version = "1.1" | "2";

/** What one run saw. */
export interface Asked {
  readonly firstMs: number;
  /** Between neighbouring pieces. */
  readonly gapsMs: readonly number[];
  readonly whole: boolean;
}

export interface Run {
  /** The response began. */
  readonly begun: Promise<void>;
  /** Rejects where the response broke off or was aborted. */
  readonly over: Promise<Asked>;
  readonly abort: () => void;
}

export interface StreamingPool {
  ask(asked: Directive, options?: { readonly read: boolean }): Run;
  close(): Promise<void>;
}

export interface BreakablePool extends StreamingPool {
  /** Breaks one of its connections, as a network does. */
  breakOne(): void;
}

/** @param size how many runs at once it is to carry */
export async function openPool(
  { tlsUrl, certificate }: FarSimulator,
  version: Version,
  size: number,
): Promise<BreakablePool> {
  const http2 = version === "2";
  const sockets: Socket[] = [];
  const onConnected = (message: unknown) => {
    sockets.push((message as { socket: Socket }).socket);
  };
  diagnostics.subscribe("undici:client:connected", onConnected);
  const pool = new Pool(tlsUrl, {
    connections: http2 ? 1 : size,
    pipelining: http2 ? size : 1,
    allowH2: http2,
    connect: { ca: certificate, allowH2: http2 },
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(http2 && { maxConcurrentStreams: size }),
  });
  // undici sends a POST over HTTP/2 only when no other is under way, unless told that it may be repeated.
  const ask: StreamingPool["ask"] = (asked, options) =>
    begin(pool, { asked, idempotent: http2, read: options?.read ?? true });
  // One run for HTTP/2's connection, which must be open before others can share it.
  const first = ask({ words: 1 });
  await first.over;
  const warming = Array.from({ length: size }, () => ask({ words: 1, firstTokenMs: 50 }));
  await Promise.all(warming.map(({ over }) => over));
  diagnostics.unsubscribe("undici:client:connected", onConnected);
  return {
    ask,
    breakOne() {
      const reset = Object.assign(new Error("broken by the bench"), { code: "ECONNRESET" });
      sockets.find(({ destroyed }) => !destroyed)?.destroy(reset);
    },
    close: () => pool.destroy(),
  };
}

interface Asking {
  readonly asked: Directive;
  readonly idempotent: boolean;
  readonly read: boolean;
}

function begin(pool: Pool, { asked, idempotent, read }: Asking): Run {
  const aborting = new AbortController();
  const startedAt = performance.now();
  const response = pool.request({
    method: "POST",
    idempotent,
    path: "/zhipu/v1/chat/completions",
    body: Buffer.from(
      JSON.stringify({
        model: "m",
        stream: true,
        messages: [{ role: "user", content: directive(asked) }],
      }),
    ),
    signal: aborting.signal,
  });
  const over = response.then(async ({ body }) => {
    if (!read) return new Promise<Asked>((_resolve, reject) => body.on("error", reject));
    return readAll(body, startedAt);
  });
  over.catch(() => undefined); // who awaits it hears of it, if later
  return {
    begun: response.then(() => undefined),
    over,
    abort: () => aborting.abort(),
  };
}

async function readAll(body: AsyncIterable<Uint8Array>, startedAt: number): Promise<Asked> {
  const at: number[] = [];
  let last = "";
  for await (const piece of body) {
    at.push(performance.now());
    last = Buffer.from(piece).toString();
  }
  const [first = Number.NaN] = at;
  return {
    firstMs: first - startedAt,
    gapsMs: at.slice(1).map((time, index) => time - (at[index] ?? Number.NaN)),
    whole: last.endsWith("[DONE]\n\n"),
  };
}
