/** The text for the user at the terminal once everything is up. */
import { type ClusterPlaces, clusterPlaces, placesNote, placesOf } from "@openclaw/config";
import type { ProviderPlan, ShownProvider } from "./providers.ts";

export interface BannerFacts {
  readonly host: string;
  readonly port: number;
  readonly edges: number;
  readonly workers: number;
  /** Most runs at once of each provider in one worker. */
  readonly workerConcurrency: number;
  /** How many keys clients may show; without any, none is asked for. */
  readonly keys: number;
  /** Where users reach the gateway from outside. */
  readonly publicUrl: string | undefined;
  /** Without credentials. */
  readonly redis: { readonly url: string; readonly isPrivate: boolean };
  /** Processes that answer operators, and their ports. */
  readonly metrics: readonly { readonly name: string; readonly port: number }[];
  readonly providers: ProviderPlan;
}

const COLUMN = 12;

export function banner({
  host,
  port,
  edges,
  workers,
  workerConcurrency,
  keys,
  publicUrl,
  redis,
  metrics,
  providers,
}: BannerFacts): string {
  const at = `${reachable(host)}:${port}`;
  const rows = [
    row("WebSocket", `ws://${at}/ws/stream/{session_id}`),
    row("OpenAI API", `http://${at}/v1`),
    row("Health", `http://${at}/health`),
    row("Listening", `host ${host}, port ${port}`),
    ...(publicUrl === undefined ? [] : [row("Public URL", `${publicUrl} (EDGE_PUBLIC_URL)`)]),
    row("Keys", keysLine(keys)),
    row("Processes", `${count(edges, "edge")}, ${count(workers, "worker")}`),
    row("Redis", redis.isPrivate ? `private, ${redis.url}` : `${redis.url} (REDIS_URL)`),
    ...metricsRows(metrics),
    ...providerRows(providers, { workers, workerConcurrency }),
  ];
  return [
    "OpenClaw Streaming Gateway is running.",
    "",
    ...rows,
    "",
    "Ctrl-C stops everything.",
    "",
  ].join("\n");
}

function keysLine(keys: number): string {
  if (keys === 0) return "none is asked for: every program that reaches it is served";
  return `asked for, ${count(keys, "key")} (EDGE_API_KEYS)`;
}

/** Where a client on this machine connects: a wildcard is no address to connect to. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function metricsRows(metrics: BannerFacts["metrics"]): readonly string[] {
  const byName = metrics.toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return byName.map(({ name, port }, index) =>
    row(index === 0 ? "Metrics" : "", `http://127.0.0.1:${port}/metrics  ${name}`),
  );
}

type Workers = Pick<BannerFacts, "workers" | "workerConcurrency">;

function providerRows(plan: ProviderPlan, workers: Workers): readonly string[] {
  const { groups, simulated, file, leftOut } = plan;
  const shown = plan.shown.map((one) => ({ ...one, places: placesIn(one, workers) }));
  const lines = [...providerLines(shown)];
  for (const { name, maxConcurrency, places } of shown) {
    const note = placesNote(name, maxConcurrency, places);
    if (note !== undefined) lines.push(note);
  }
  for (const { name, members, isDefault } of groups) {
    lines.push(`${name} is the best of ${members.join(", ")}${isDefault ? "  (default)" : ""}`);
  }
  if (simulated) lines.push("no provider key is set, so every answer is simulated");
  if (file !== undefined) lines.push(`from ${file}`);
  if (leftOut.length > 0) {
    const names = leftOut.map(({ name, variable }) => `${name} (${variable})`);
    lines.push(`left out, no key: ${names.join(", ")}`);
  }
  return lines.map((line, index) => row(index === 0 ? "Providers" : "", line));
}

/** What all workers together have for the runs of a provider. */
function placesIn(provider: ShownProvider, { workers, workerConcurrency }: Workers): ClusterPlaces {
  const each = placesOf(provider, workerConcurrency);
  return clusterPlaces(provider.maxConcurrency, Array(workers).fill(each));
}

function providerLines(
  shown: readonly (ShownProvider & { readonly places: ClusterPlaces })[],
): readonly string[] {
  const atOnce = ({ maxConcurrency, places }: (typeof shown)[number]) =>
    String(Math.min(maxConcurrency, places.runs));
  const width = Math.max(...shown.map(({ name }) => name.length));
  const digits = Math.max(...shown.map((provider) => atOnce(provider).length));
  return shown.map((provider) => {
    const { name, model, simulated, isDefault } = provider;
    const kind = simulated ? "simulated" : "real     ";
    const runs = `${atOnce(provider).padStart(digits)} at once`;
    return `${name.padEnd(width)}  ${kind}  ${runs}  ${model}${isDefault ? "  (default)" : ""}`;
  });
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(COLUMN)}${text}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
