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
