/** What starting a Redis needs to know of the network. Plain sockets: a client would reconnect. */
import { connect, createServer } from "node:net";

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

/** A port nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null
          ? resolve(address.port)
          : reject(new Error("no port was given")),
      );
    });
  });
}
