/** `npm test` runs every project, but for those that cannot run here. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import config from "../../vitest.config.ts";

interface Chosen {
  readonly all: readonly string[];
  readonly chosen: readonly string[];
  readonly leftOut: readonly { readonly what: string; readonly reason: string }[];
}

/** In a process of its own, whose PATH leads to `path`. */
function choose(path: string, env: Readonly<Record<string, string>> = {}): Chosen {
  const script = `import { chooseProjects, PROJECTS } from "./scripts/test/choose-projects.mjs";
    console.log(JSON.stringify({ all: PROJECTS, ...chooseProjects() }));`;
  const args = ["--input-type=module", "--eval", script];
  return JSON.parse(
    String(execFileSync(process.execPath, args, { env: { PATH: path, ...env } })),
  ) as Chosen;
}

test("no project of vitest.config.ts is forgotten", () => {
  const names = config.test?.projects?.map((project) =>
    typeof project === "object" && "test" in project ? project.test?.name : project,
  );
  expect(choose("/nowhere").all.toSorted()).toEqual(names?.toSorted());
});

test("without Redis and Docker the unit tests are left, and each other project is named with its reason", () => {
  const { all, chosen, leftOut } = choose("/nowhere");
  expect(chosen).toEqual(["unit"]);
  expect(leftOut).toHaveLength(all.length - 1);
  expect(leftOut).toContainEqual({
    what: "tests of e2e",
    reason: "no redis-server or valkey-server on the PATH",
  });
  expect(leftOut).toContainEqual({
    what: "tests of containers",
    reason: "no Docker engine answers",
  });
});

test("containers are left out where that is asked for", () => {
  expect(choose("/nowhere", { CONTAINERS: "0" }).leftOut).toContainEqual({
    what: "tests of containers",
    reason: "CONTAINERS=0",
  });
});
