/** Processes that die, stop, and leave, and come back. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster, ServiceName } from "@openclaw/testing";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";

const BETWEEN_MS = [3_000, 7_000] as const;

/** Injects one fault after the other until `closing` aborts; resolves when everything runs again. */
export async function injectFaults(
  cluster: Cluster,
  { random, history, closing }: { random: Random; history: History; closing: AbortSignal },
): Promise<void> {
  const repairs: Promise<unknown>[] = [];
  while (!closing.aborted) {
    await sleep(random.between(...BETWEEN_MS), closing);
    if (closing.aborted) break;
    repairs.push(inject(cluster, random, history));
  }
  await Promise.all(repairs);
}

async function inject(cluster: Cluster, random: Random, history: History): Promise<void> {
  const service = random.pick<ServiceName>(["edge", "worker"]);
  const signal = random.pick<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGSTOP"]);
  const [first, ...rest] = cluster.running(service);
  // One of a kind always stays: a cluster without any is another test's business.
  if (!first || rest.length === 0) return;
  const { process } = random.pick([first, ...rest]);
  history.fault(`${signal} ${service}`);
  process.kill(signal);
  if (signal === "SIGSTOP") {
    await sleep(random.between(500, 10_000));
    process.kill("SIGCONT");
  } else {
    await sleep(random.between(200, 2_000));
    await cluster.add(service);
  }
}

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  // Woken early is as good as slept: the caller looks at the signal.
  await delay(ms, undefined, signal && { signal }).catch(() => undefined);
}
