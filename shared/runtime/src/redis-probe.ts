/** What starting a Redis needs to know of the network. A plain socket: a client would reconnect. */
import { connect } from "node:net";

const PROBE_DEADLINE_MS = 1_000;

/**
 * Whether the process `pid` itself answers PING as a Redis on this port. Another Redis may have
 * taken the port first, and answers just as well.
 */
export function answersAs(pid: number, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let reply = "";
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_DEADLINE_MS, () => end(false));
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.on("connect", () => socket.write("INFO server\r\nPING\r\n"));
    socket.on("data", (bytes) => {
      reply += bytes.toString("latin1");
      if (reply.includes("\r\n-LOADING")) end(false);
      if (reply.endsWith("+PONG\r\n")) end(reply.includes(`process_id:${pid}\r\n`));
    });
  });
}
