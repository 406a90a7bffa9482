/** Questions to a Redis that is being started. By a plain socket: a client would reconnect. */
import { connect } from "node:net";

const PROBE_DEADLINE_MS = 1_000;

/**
 * Whether the process `pid` itself answers PING as a Redis on this port. Another Redis may have
 * taken the port first, and answers just as well.
 */
export async function answersAs(pid: number, redis: ProbedRedis): Promise<boolean> {
  return (await ask(redis, "INFO server")).includes(`process_id:${pid}\r\n`);
}

/** Has Redis rewrite its append-only log without deleted data. @returns whether it does */
export async function rewriteLog(redis: ProbedRedis): Promise<boolean> {
  return /\+Background append only file rewriting (started|scheduled)/.test(
    await ask(redis, "BGREWRITEAOF"),
  );
}

export interface ProbedRedis {
  readonly port: number;
  /** Without spaces and quotes. */
  readonly password: string | undefined;
}

/** What it answers to a command; empty where it does not, within a second, or is still loading. */
function ask({ port, password }: ProbedRedis, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let reply = "";
    const end = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    const lines = [...(password === undefined ? [] : [`AUTH ${password}`]), command, "PING", ""];
    socket.setTimeout(PROBE_DEADLINE_MS, () => end(""));
    socket.on("error", () => end(""));
    socket.on("close", () => end(""));
    socket.on("connect", () => socket.write(lines.join("\r\n")));
    socket.on("data", (bytes) => {
      reply += bytes.toString("latin1");
      if (reply.includes("\r\n-LOADING")) end("");
      if (reply.endsWith("+PONG\r\n")) end(reply);
    });
  });
}
