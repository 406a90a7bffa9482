/** The sources of this repository's packages, and what each imports. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Specifiers of static, type-only and dynamic imports, and of exports from elsewhere. */
  readonly imports: readonly string[];
}

/** @param folders from the root: packages, or folders that hold some */
export function sourcesOf(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((full) => ({ full, path: relative(ROOT, full).split(sep).join("/") }))
      .filter(({ path }) => path.includes("/src/") && !path.includes("/node_modules/"))
      .map(({ full, path }) => {
        const text = readFileSync(full, "utf8");
        return { path, text, imports: importsOf(text) };
      }),
  );
}

/** Whether it is part of the product: no test, and nothing that only tests use. */
export function isShipped({ path }: SourceFile): boolean {
  return !path.endsWith(".test.ts") && !/^shared\/testing\/|\/src\/testing\//.test(path);
}

function importsOf(text: string): string[] {
  const statement = /^(?:import|export)\s+(?:type\s+)?[\w$*\s{},]+?\s+from\s+"([^"]+)"/gm;
  const sideEffect = /^import\s+"([^"]+)"/gm;
  const dynamic = /\bimport\(\s*"([^"]+)"/g;
  return [statement, sideEffect, dynamic].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}
