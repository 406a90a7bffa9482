/**
 * A configuration file to begin with: the shipped providers, and every field there is.
 *
 * It is written from the schema that is enforced, so that a new field is in it from its first day. The fields that
 * the shipped providers set stand as they are. Every other field is commented out with its default, and follows the
 * schema until an operator sets it.
 */
import { z } from "zod";
import { variablesOf } from "./config-variables.ts";
import { gatewayConfigSchema } from "./gateway-schema.ts";
import { SHIPPED_DEFAULT_PROVIDER, SHIPPED_PROVIDERS } from "./shipped-providers.ts";

/** The part of JSON Schema that zod writes for these schemas. */
interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
}

const WIDTH = 100;
const INDENT = "  ";
/** How far the innermost fields stand in. */
const DEEPEST = 4;
/** Stands for a value that has no default, in fields that are commented out. */
const NO_VALUE = "...";

const HEADER = [
  "The configuration of the gateway: which providers there are, and what is promised of them.",
  "A field that is commented out has the value shown. ${NAME} is replaced from the environment. Set these variables, or delete the providers that you have no key for, and their names in `fallback` and `defaultProvider`. Names of providers are yours to choose.",
  "To see whether all of it works: npm run providers",
];

/** The text of a `gateway.config.json` that means what the shipped configuration means. */
export function starterConfig(): string {
  const values = { providers: SHIPPED_PROVIDERS, defaultProvider: SHIPPED_DEFAULT_PROVIDER };
  const header = HEADER.flatMap(comment);
  const body = objectLines(schemaOf(gatewayConfigSchema), { values, explained: true });
  return `${[...header, "{", ...body.map(indent), "}"].join("\n")}\n`;
}

/** The environment variables that the starter refers to. */
export function starterVariables(): readonly string[] {
  return Object.values(SHIPPED_PROVIDERS).flatMap(({ apiKey }) => variablesOf(apiKey));
}

function schemaOf(schema: z.ZodType): JsonSchema {
  // zod's type allows for every draft of JSON Schema; what it writes by default is this.
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

interface Known {
  /** What is set; other fields are commented out. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Say what each field means, and name those too that are not set. */
  readonly explained: boolean;
}

/** The inside of an object, a field after the other. */
function objectLines(schema: JsonSchema, { values, explained }: Known): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const value = values[name];
    if (!explained) return value === undefined ? [] : valueLines(name, field, { value, explained });
    const required = schema.required?.includes(name) ?? false;
    const lines = valueLines(name, field, { value: value ?? openSection(field), explained });
    return [...comment(meaningOf(field, required)), ...lines];
  });
}

/** A section whose fields all have defaults is written out, so that they have a place to stand in. */
function openSection({ properties, default: standard }: JsonSchema): object | undefined {
  return properties && standard !== undefined ? {} : undefined;
}

function valueLines(
  name: string,
  schema: JsonSchema,
  { value, explained }: { readonly value: unknown; readonly explained: boolean },
): string[] {
  const inner = innerLines(schema, { values: { ...asFields(value) }, explained });
  const lines =
    inner === undefined
      ? [`${JSON.stringify(name)}: ${leaf(value ?? schema.default)},`]
      : [`${JSON.stringify(name)}: {`, ...inner.map(indent), "},"];
  return value === undefined ? lines.map((line) => `// ${line}`) : lines;
}

/** The fields of a section, or the entries of a table of sections; undefined for a plain value. */
function innerLines(schema: JsonSchema, { values, explained }: Known): string[] | undefined {
  if (schema.properties) return objectLines(schema, { values, explained });
  const entry = schema.additionalProperties;
  if (typeof entry !== "object" || !entry.properties) return undefined;
  const entries = Object.entries(values);
  if (entries.length === 0) return valueLines("NAME", entry, { value: {}, explained });
  // The fields of all entries are the same: one of them explains them.
  return entries.flatMap(([name, value], index) =>
    valueLines(name, entry, { value, explained: explained && index === 0 }),
  );
}

function asFields(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

/** A plain value on one line. */
function leaf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(leaf).join(", ")}]`;
  return value === undefined ? NO_VALUE : JSON.stringify(value);
}

/** What a field means, what it may be, and what it is where nothing is said. */
function meaningOf(schema: JsonSchema, required: boolean): string {
  const { description = "", default: standard, properties, additionalProperties } = schema;
  const isSection = properties !== undefined || typeof additionalProperties === "object";
  if (isSection) return description;
  const rest = [
    rangeOf(schema),
    required ? "Required." : "",
    standard === undefined ? "" : `Default: ${leaf(standard)}.`,
  ];
  return [description, ...rest].filter((part) => part !== "").join(" ");
}

function rangeOf({ enum: options, minimum, maximum }: JsonSchema): string {
  if (options) return `One of ${options.map((option) => JSON.stringify(option)).join(", ")}.`;
  if (!isLimit(minimum)) return "";
  return isLimit(maximum) ? `${minimum} to ${maximum}.` : `${minimum} or more.`;
}

/** Whole numbers without a limit of their own have those of what can be counted with. */
function isLimit(bound: number | undefined): boolean {
  return bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
}

/** As comment lines; none for an empty text. */
function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const last = lines.at(-1);
    const fits = last !== undefined && `${last} ${word}`.length <= WIDTH - DEEPEST * INDENT.length;
    if (fits) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`// ${word}`);
  }
  return lines;
}

function indent(line: string): string {
  return `${INDENT}${line}`;
}
