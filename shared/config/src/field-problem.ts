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

/** The fields of an unchecked value; none where it is not an object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
