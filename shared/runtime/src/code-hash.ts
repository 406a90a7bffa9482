import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const CODE = /\.(?:js|lua|ts)$/;
const LENGTH = 12;

/**
 * A short hash of the code that a service is made of: its own, and that of the packages it shares.
 *
 * @param directory where the service's code is, `dist` or `src`: the shared packages have theirs in a folder of the
 *   same name
 */
export function codeHash(directory: string): string {
  const shared = resolve(directory, "..", "..", "..", "shared");
  const folder = basename(directory);
  const packages = existsSync(shared) ? readdirSync(shared).sort() : [];
  const hash = createHash("sha256");
  for (const root of [directory, ...packages.map((name) => join(shared, name, folder))]) {
    if (!existsSync(root)) continue;
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
    for (const file of files.filter((name) => CODE.test(name))) {
      hash.update(`${basename(join(root, ".."))}/${file}\n`).update(readFileSync(join(root, file)));
    }
  }
  return hash.digest("hex").slice(0, LENGTH);
}
