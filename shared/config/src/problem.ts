/** A configuration that cannot be used, with every problem found, each one line with its path. */
export class ConfigError extends Error {
  readonly code = "invalid_config";
  readonly problems: readonly string[];

  constructor(source: string, problems: readonly string[]) {
    super(`${source} cannot be used:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

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
