/** The rules of deploy/prometheus, read as Prometheus reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

const RULES = "deploy/prometheus/rules";

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the files say, as it is. */
export function ruleFiles(): string[] {
  return readdirSync(RULES).map((file) => readFileSync(`${RULES}/${file}`, "utf8"));
}

/** Every rule of every file, in their order. */
export function readRules(): Rule[] {
  return ruleFiles().flatMap((file) => {
    const { groups }: { groups: { rules: Rule[] }[] } = parse(file);
    return groups.flatMap((group) => group.rules);
  });
}

/** Names that rules give to what they record. */
export function recordedBy(rules: readonly Rule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ record = [] }) => record));
}
