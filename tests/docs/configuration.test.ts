/**
 * Writes docs/configuration.md from the schemas that are enforced, and fails when the page is not
 * what they say. `npm test -- --update` brings it up to date.
 */
import { gatewayConfigSchema } from "@openclaw/config";
import { expect, test } from "vitest";
import { z } from "zod";
import { edgeEnvSchema } from "../../services/edge/src/config.ts";
import { simulatorEnvSchema } from "../../services/simulator/src/config.ts";
import { workerEnvSchema } from "../../services/worker/src/config.ts";

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

interface Row {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** Every leaf of an object schema, with its path. */
function rows(schema: JsonSchema, path = ""): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = path === "" ? key : `${path}.${key}`;
    if (value.properties) return rows(value, name);
    if (typeof value.additionalProperties === "object") {
      const inner = rows(value.additionalProperties, `${name}.NAME`);
      if (inner.length > 0) return inner;
    }
    return [{ name, schema: value, required: schema.required?.includes(key) ?? false }];
  });
}

function table(all: readonly Row[]): string {
  const lines = all.map(({ name, schema, required }) => {
    const cells = [`\`${name}\``, values(schema), standard(schema, required)];
    return `| ${[...cells, schema.description ?? ""].join(" | ")} |`;
  });
  return ["| name | values | default | meaning |", "| --- | --- | --- | --- |", ...lines].join(
    "\n",
  );
}

function values({ type, enum: options, minimum, maximum }: JsonSchema): string {
  if (options) return options.map((option) => `\`${option}\``).join(" ");
  const range = minimum === undefined ? "" : ` ${minimum} to ${maximum}`;
  return `${type === "integer" ? "whole number" : (type ?? "text")}${range}`;
}

function standard(schema: JsonSchema, required: boolean): string {
  if (typeof schema.default === "object") return `\`${JSON.stringify(schema.default)}\``;
  if (schema.default !== undefined) return `\`${schema.default}\``;
  return required ? "required" : "none";
}

const page = `# Configuration

<!-- Written by tests/docs/configuration.test.ts from the schemas; do not edit. -->

## gateway.config.json

Which providers there are and what is promised of them. Its path is in \`GATEWAY_CONFIG\`; without that,
\`gateway.config.json\` in the working directory; without that, the shipped providers whose key is in the
environment (\`NVIDIA1_API_KEY\`, \`NVIDIA2_API_KEY\`, \`ZHIPU_API_KEY\`, \`HUNYUAN_API_KEY\`); where none of them has one, the simulator
at \`GATEWAY_SIMULATOR_URL\`, if that is set, answers for all of them.
It is JSON in which \`//\` and \`/* */\` comments are allowed, and a comma behind the last item;
\`npm run providers -- --init\` writes one that names every field.
\`\${NAME}\` in any text is replaced from the environment, so that keys need not stand in the file.
Without a file, \`nvidia2\` is the default where it has a key. Unknown fields are refused, and every problem is reported at once. Edges and workers of one cluster must read
the same file.

Edges and workers take changes of the file over while they run, within two seconds where the file system tells of them, else
within four, and at once on SIGHUP. A file with any problem is refused whole: the log lists every problem (\`configuration
refused, the one before stays\`) and no value, and nothing changes. No run is disturbed. Runs at work finish with the key, model
and limits that they began with, and new ones have the new; only what really differs is replaced. A removed provider takes no
more runs, and answers those it has: workers leave it once its queue has been empty for a minute (\`WORKER_LEAVE_MS\`), after ten
minutes in any case. Values of \`\${NAME}\` are those of the process, which change with its restart only, as does which file it
reads: a process that started without one has nothing to read again, and says so.

${table(rows(jsonSchema(gatewayConfigSchema)))}

Latencies are counted from the moment an edge accepts a message.

## Environment of an edge

${table(rows(jsonSchema(edgeEnvSchema)))}

## Environment of a worker

${table(rows(jsonSchema(workerEnvSchema)))}

## Environment of the simulator

${table(rows(jsonSchema(simulatorEnvSchema)))}

## Environment of \`npm start\`

\`REDIS_URL\` (set: no private Redis is started), \`GATEWAY_CONFIG\`, the keys above, \`EDGE_HOST\`, \`EDGE_PORT\`
and \`LOG_LEVEL\` (default \`warn\` there). Everything else is passed on to the edges and workers.
`;

test("docs/configuration.md says what the schemas say", async () => {
  await expect(page).toMatchFileSnapshot("../../docs/configuration.md");
});

test("every field says what it means", () => {
  const silent = [gatewayConfigSchema, edgeEnvSchema, workerEnvSchema, simulatorEnvSchema]
    .flatMap((schema) => rows(jsonSchema(schema)))
    .filter(({ schema }) => schema.description === undefined)
    .map(({ name }) => name);
  expect(silent).toEqual([]);
});
