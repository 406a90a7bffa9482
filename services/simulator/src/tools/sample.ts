/** A value that a JSON schema allows, as far as its types say; a stand-in for what a model would choose. */
export function sampleOf(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return {};
  const { type, enum: choices, properties, items } = schema as Readonly<Record<string, unknown>>;
  if (Array.isArray(choices)) return choices[0];
  switch (type) {
    case "string":
      return "text";
    case "number":
    case "integer":
      return 1;
    case "boolean":
      return true;
    case "array":
      return [sampleOf(items)];
    default:
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([name, value]) => [name, sampleOf(value)]),
      );
  }
}
