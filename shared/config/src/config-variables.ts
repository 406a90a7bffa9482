/** Replaces `${NAME}` in the strings of a configuration by variables of the environment. */
import type { FieldProblem } from "./field-problem.ts";

export interface Expansion {
  readonly env: NodeJS.ProcessEnv;
  readonly path: readonly string[];
  readonly problems: FieldProblem[];
}

export function expand(value: unknown, at: Expansion): unknown {
  if (typeof value === "string") return expandString(value, at);
  if (Array.isArray(value)) {
    return value.map((item, index) => expand(item, { ...at, path: [...at.path, String(index)] }));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      expand(item, { ...at, path: [...at.path, key] }),
    ]),
  );
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The environment variables that a text of the file refers to, as `${NAME}`. */
export function variablesOf(text: string): readonly string[] {
  return [...text.matchAll(VARIABLE)].map(([, name = ""]) => name);
}

function expandString(value: string, { env, path, problems }: Expansion): string {
  return value.replace(VARIABLE, (whole, name: string) => {
    const found = env[name];
    if (found) return found;
    problems.push({ path, message: `the environment variable ${name} is not set` });
    return whole;
  });
}
