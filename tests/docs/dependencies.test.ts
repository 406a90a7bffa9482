/** Holds what docs/dependencies.md says of packages that Node 20 holds back, and the oldest Node that is promised. */
import { readFileSync } from "node:fs";
import { satisfies } from "semver";
import { expect, test } from "vitest";
import { CLIENTS, COLUMNS } from "../clients/matrix.ts";

const OLDEST_NODE = "20.18.1";

interface Package {
  readonly version?: string;
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const LIBRARIES = { openai: "openai", ai: "ai", langchain: "@langchain/openai" } as const;
const NEWEST = "tests/clients/newest/package-lock.json";

function packagesIn(lockFile: string): Readonly<Record<string, Package>> {
  return JSON.parse(readFileSync(lockFile, "utf8")).packages;
}

const packages = packagesIn("package-lock.json");
const manifests = Object.entries(packages).filter(([path]) => !path.includes("node_modules/"));
const wanted = Object.assign(
  {},
  ...manifests.map(([, one]) => ({ ...one.dependencies, ...one.devDependencies })),
);

test(`every package of the lock file accepts Node ${OLDEST_NODE}`, () => {
  expect(packages[""]?.engines?.node).toBe(`>=${OLDEST_NODE}`);
  // An optional one is for some systems, or brings what its user can do without.
  const refusing = Object.entries(packages).filter(
    ([, { engines, optional }]) => !optional && !satisfies(OLDEST_NODE, engines?.node ?? "*"),
  );
  expect(refusing.map(([path, { engines }]) => `${path}: ${engines?.node}`)).toEqual([]);
});

test("docs/dependencies.md has the present version of each package that is held back", () => {
  const page = readFileSync("docs/dependencies.md", "utf8");
  const [, section = ""] = page.split("## Held back by Node 20\n");
  const rows = [...section.matchAll(/^\| `([^`]+)` \| (\S+) \|/gm)];
  expect(rows.length).toBeGreaterThan(10);
  const told = Object.fromEntries(rows.map(([, name = "", now]) => [name, now]));
  const present = Object.fromEntries(Object.keys(told).map((name) => [name, wanted[name]]));
  expect(told).toEqual(present);
});

test("the columns of the client matrix have the versions of their libraries", () => {
  for (const name of CLIENTS) {
    const { library, newest } = COLUMNS[name];
    if (library === "sdk") continue;
    const locked = newest ? packagesIn(NEWEST) : packages;
    const { version } = locked[`node_modules/${LIBRARIES[library]}`] ?? {};
    const [, said = ""] = /-([\d.]+)$/.exec(name) ?? [];
    expect(`${version}.`, name).toMatch(new RegExp(`^${said.replace(".", "\\.")}\\.`));
  }
});
