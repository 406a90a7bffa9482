/** One thing that is wrong in a configuration, and where. */
export interface FieldProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** As one line: the path, then the sentence. */
export function describe({ path, message }: FieldProblem): string {
  const sentence = message.endsWith("received undefined") ? "is missing" : message;
  return path.length === 0 ? sentence : `${path.map(String).join(".")}: ${sentence}`;
}

/** What may be looked at in something that was not checked: its fields, none where it has none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
