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

The file says which providers there are and what is promised of them. A process finds its configuration in
this order:

1. The path in \`GATEWAY_CONFIG\`.
2. \`gateway.config.json\` in the working directory.
3. Without a file: the shipped providers whose key is in the environment (\`NVIDIA1_API_KEY\`,
   \`NVIDIA2_API_KEY\`, \`ZHIPU_API_KEY\`, \`HUNYUAN_API_KEY\`). \`nvidia2\` is then the default provider if it has a
   key.
4. Without a file and without any key: the simulator at \`GATEWAY_SIMULATOR_URL\` answers for all of them, if
   that is set.

The file is JSON. Comments (\`//\` and \`/* */\`) and a comma after the last item are allowed. \`\${NAME}\` in any
text is replaced from the environment, so the file needs no keys. Unknown fields are refused, and every
problem is reported at once. Edges and workers of one cluster must read the same file.
\`npm run providers -- --init\` writes a file that names every field: begin with it.

## Changes while the gateway runs

Edges and workers read the file again when it changes. They need at most 2 s if the file system reports the
change, and at most 4 s if it does not. SIGHUP makes them read it at once.

- A file with any problem is refused as a whole, and nothing changes. The log lists every problem
  (\`configuration refused, the one before stays\`), but no value.
- No run is disturbed. Runs at work finish with the key, model and limits that they began with. New runs have
  the new ones. Only real differences are replaced.
- A removed provider takes no new runs, and answers those that it has. Workers leave it once its queue has
  been empty for 60 s (\`WORKER_LEAVE_MS\`), and after 10 minutes in any case.
- Values of \`\${NAME}\`, and the choice of the file, change only when the process restarts. A process that
  started without a file does not look for one, and logs that.

To change a provider, edit the file and look for \`configuration refused\` in the log. To change a key of the
environment, restart the processes.

## Fields of the file

${table(rows(jsonSchema(gatewayConfigSchema)))}

Latencies count from the moment an edge accepts a message.

## Environment of an edge

${table(rows(jsonSchema(edgeEnvSchema)))}

## Environment of a worker

${table(rows(jsonSchema(workerEnvSchema)))}

## Environment of the simulator

${table(rows(jsonSchema(simulatorEnvSchema)))}

## Environment of \`npm start\`

\`npm start\` reads \`REDIS_URL\`, \`GATEWAY_CONFIG\`, the keys above, \`EDGE_HOST\`, \`EDGE_PORT\` and \`LOG_LEVEL\`
(default \`warn\` there). If \`REDIS_URL\` is set, it starts no private Redis. Every other variable is passed on
to the edges and workers.
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
