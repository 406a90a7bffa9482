/** The simulator as a process of its own, over TLS: what measures must not share its event loop. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimulatorStats } from "@openclaw/simulator";

export interface FarSimulator {
  readonly tlsUrl: string;
  /** PEM. */
  readonly certificate: string;
  stats(): Promise<SimulatorStats>;
  /** Polls its counters until they are so. */
  until(holds: (stats: SimulatorStats) => boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function startFarSimulator(): Promise<FarSimulator> {
  const directory = await mkdtemp(join(tmpdir(), "openclaw-bench-"));
  const certFile = join(directory, "simulator.pem");
  const child = fork("services/simulator/dist/main.js", {
    execArgv: [],
    env: {
      ...process.env,
      LOG_LEVEL: "warn",
      SIMULATOR_PORT: "0",
      SIMULATOR_TLS_PORT: "0",
      SIMULATOR_TLS_CERT_FILE: certFile,
      SIMULATOR_HTTP2: "true",
    },
  });
  const [{ url, tlsUrl }] = await once(child, "message");
  const stats = async () => (await fetch(`${url}/_sim/stats`)).json() as Promise<SimulatorStats>;
  return {
    tlsUrl,
    certificate: await readFile(certFile, "utf8"),
    stats,
    async until(holds) {
      while (!holds(await stats()));
    },
    async stop() {
      const exited = once(child, "exit");
      child.kill();
      await exited;
      await rm(directory, { recursive: true });
    },
  };
}
