/**
 * Writes docs/metrics.md from the catalogue, and fails when the page is not what it says.
 * `npm test -- --update` brings it up to date.
 */
import {
  BUCKETS,
  CATALOGUE,
  CONFIGURED,
  LABELS,
  type LabelName,
  type MetricDefinition,
} from "@openclaw/metrics";
import { expect, test } from "vitest";

const metrics = Object.entries<MetricDefinition>(CATALOGUE);

function table(of: typeof metrics): string {
  const rows = of.map(([name, { type, labels, buckets, help }]) => {
    const shape = buckets ? `${type} (${buckets})` : type;
    return `| \`${name}\` | ${shape} | ${labels.map((label) => `\`${label}\``).join(" ")} | ${help} |`;
  });
  return ["| name | type | labels | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function on(...kinds: readonly string[]): string {
  return table(metrics.filter(([, definition]) => definition.on.join() === kinds.join()));
}

function labels(): string {
  const rows = Object.keys(LABELS).map((name) => {
    const values: typeof CONFIGURED | readonly string[] = LABELS[name as LabelName];
    const shown =
      values === CONFIGURED
        ? "as configured at that moment"
        : values.map((value) => `\`${value}\``).join(" ");
    return `| \`${name}\` | ${name === "code" ? "those of PROTOCOL.md" : shown} |`;
  });
  return ["| label | values |", "| --- | --- |", ...rows].join("\n");
}

const buckets = Object.entries(BUCKETS).map(
  ([name, bounds]) => `| ${name} | ${bounds.join(" ")} |`,
);

const page = `# Metrics

<!-- Written by tests/docs/metrics.test.ts from shared/metrics/src/catalogue.ts; do not edit. -->

Every edge and worker serves its own in Prometheus' text format: \`http://EDGE_ADMIN_HOST:EDGE_ADMIN_PORT/metrics\`, and the same
with \`WORKER_\`. On the same port \`/livez\` answers 200 as long as the process does, whatever becomes of Redis, and \`/readyz\`
200 while it can do its work, else 503 with the reasons. \`npm start\` gives each process a free port and says which. Rules and
alerts that use these metrics are in \`deploy/prometheus/rules\`; what the alerts mean is in [operations.md](operations.md).

Where OpenTelemetry's GenAI conventions name the same thing, so does this page, in Prometheus' spelling: \`gen_ai_server_*\` is what
users see of the gateway, \`gen_ai_client_*\` what the gateway sees of providers. The label \`provider\` is an account as it is
configured, of which one vendor (OTel's \`gen_ai.provider.name\`) may have several. Each process also has the metrics of Node
that prom-client brings: \`process_cpu_seconds_total\`, \`process_resident_memory_bytes\`, \`nodejs_eventloop_lag_p99_seconds\` and so on.

Durations are seconds, each measured by one process on its monotonic clock. Where a run has several attempts, its first text is
whichever the user saw first. Runs that a client resumed elsewhere are counted once, by the edge that accepted them, unless that one is gone by their end. Whether its connection was
warm is known of a run from its worker's last word: runs that their edge ended (cancelled, or past a deadline) have \`connection="none"\` and are
held against the target of warm ones. A first text is of those who are shown text as it comes: a request that waits for the whole answer, and a run in the
background, have none to be in time. A question that a v1 client asks during an answer is accepted when its turn comes. A request under an id that another run has is a refusal, and no run. The number of series does not depend on what users send: any value that is not among a label's own is counted as \`other\`, and the series of a provider go
when it is no longer configured.

## Edges

${on("edge")}

## Workers

${on("worker")}

## Both

${on("edge", "worker")}

The phases, in their order; those of the edge are measured once a run, those of the worker once an attempt, at its end, as far as it came. An attempt
whose worker is killed tells of none.

| phase | measured by | from | to |
| --- | --- | --- | --- |
| \`accept\` | edge | the run is accepted | it is recorded and on its queue |
| \`queue_wait\` | edge | it is on a queue (again) | its attempt is heard of, less \`pick_up\`; or it ends unserved |
| \`pick_up\` | worker | the job is taken | the run is claimed in Redis |
| \`connect\` | worker | the run is claimed | the request is written to a socket |
| \`response_headers\` | worker | the request is written | the response's headers are there |
| \`first_token\` | worker | the headers are there | the first text or reasoning |
| \`thinking\` | worker | the first reasoning | the first text; only where there was reasoning |
| \`no_text\` | worker | the last of these that the attempt came to | its end, or its hedge; only where it brought no text |
| \`publish\` | worker | the first text | Redis has it in the log and has published it |
| \`edge_to_socket\` | edge | the published text arrives | it is handed to the client's socket |

## Labels

${labels()}

## Buckets

Upper bounds, in seconds except for \`batch\` (entries) and \`tokens\`. To \`first_text\` and \`whole\` the configured targets of the
moment at which the process starts are added, so that each target's edge is a bound.

| buckets | bounds |
| --- | --- |
${buckets.join("\n")}
`;

test("docs/metrics.md says what the catalogue says", async () => {
  await expect(page).toMatchFileSnapshot("../../docs/metrics.md");
});

test("every metric is shown once", () => {
  for (const [name] of metrics) expect(page.split(`| \`${name}\` |`).length).toBe(2);
});
