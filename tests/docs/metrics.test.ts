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
  ([name, bounds]) => `| ${name} | \`${bounds.join(" ")}\` |`,
);

const page = `# Metrics

<!-- Written by tests/docs/metrics.test.ts from shared/metrics/src/catalogue.ts; do not edit. -->

Every edge and worker serves its own metrics in Prometheus' text format, on a port for operators:

| route | answer |
| --- | --- |
| \`/metrics\` | at \`http://EDGE_ADMIN_HOST:EDGE_ADMIN_PORT\`, or \`WORKER_ADMIN_HOST\` and \`WORKER_ADMIN_PORT\` |
| \`/livez\` | 200 as long as the process runs, even without Redis |
| \`/readyz\` | 200 while the process can do its work, else 503 with the reasons |

\`npm start\` gives each process a free port and prints it. \`deploy/prometheus/rules\` has the rules and alerts
that use these metrics. [operations.md](operations.md) says what to do on each alert.

**Names.** A metric that OpenTelemetry's GenAI conventions also have keeps their name, in Prometheus'
spelling. \`gen_ai_server_*\` measures the gateway as its users see it, \`gen_ai_client_*\` the providers as the
gateway sees them. The label \`provider\` is a configured account. One vendor (OTel's \`gen_ai.provider.name\`)
may have several accounts. Each process also has the Node metrics of prom-client: \`process_cpu_seconds_total\`,
\`process_resident_memory_bytes\`, \`nodejs_eventloop_lag_p99_seconds\` and so on.

**Counting.**

- Durations are in seconds. Each is measured by one process on its monotonic clock.
- If a run has several attempts, its first text is the first text that the user saw.
- A run that a client resumed on another edge is counted once, by the edge that accepted it. It is not counted
  if that edge is gone when the run ends.
- The worker's last message says whether the connection was warm. A run that its edge ended (cancelled, or
  past a deadline) has \`connection="none"\`. It is measured against the target of warm runs.
- Only users that are shown text as it comes have a first text. A request for the whole answer at once and a
  run in the background have none.
- A question that a v1 client asks during an answer is accepted when its turn comes.
- A request with the id of another run is a refusal, not a run.
- The number of series does not depend on what users send. A value that is not in the list of a label is
  counted as \`other\`. The series of a provider end when it is no longer configured.

For a first look use the dashboards in \`deploy/grafana\`.

## Edges

${on("edge")}

## Workers

${on("worker")}

## Both

${on("edge", "worker")}

The table lists the phases in their order. An edge measures its phases once a run. A worker measures its
phases once an attempt, when the attempt ends, up to the last phase that began. An attempt whose worker is
killed reports no phase.

| phase | measured by | from | to |
| --- | --- | --- | --- |
| \`accept\` | edge | the run is accepted | the run is recorded and on its queue |
| \`queue_wait\` | edge | the run is on a queue, also when it is queued again | the edge hears of the attempt, less \`pick_up\`; or the run ends without a worker |
| \`pick_up\` | worker | the job is taken | the run is claimed in Redis |
| \`connect\` | worker | the run is claimed | the request is written to a socket |
| \`response_headers\` | worker | the request is written | the response headers have arrived |
| \`first_token\` | worker | the response headers have arrived | the first text or reasoning |
| \`thinking\` | worker | the first reasoning | the first text. Only if there was reasoning |
| \`no_text\` | worker | the last of these phases that the attempt reached | its end, or its hedge. Only if the attempt brought no text |
| \`publish\` | worker | the first text | Redis has it in the log and has published it |
| \`edge_to_socket\` | edge | the published text arrives | the text is handed to the client's socket |

If first text is slow, compare the phases: the longest one names the part of the system to look at.

## Labels

${labels()}

## Buckets

Bounds are upper bounds, in seconds, except for \`batch\` (entries) and \`tokens\`. \`first_text\` and \`whole\` also
have the latency targets that are configured when the process starts, so each target is a bound.

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
