import { createServer } from "node:net";

/**
 * Below the ports that a kernel gives to outgoing connections and to servers without a port of their own. Those begin
 * at 32768 under Linux, at 49152 elsewhere. The kernel could give such a port away again before it is used.
 */
const PORTS = { from: 15_000, to: 32_000 };
const MOST_TRIES = 100;

/** Of this process, so that two servers that start at once get different ones. */
const given = new Set<number>();

/** A port of 127.0.0.1 without a listener at this moment. @throws where each of 100 ports is taken */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${PORTS.from} and ${PORTS.to}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
