/** .env.example names every setting of docker-compose.yml, and none that is not there. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Read by compose itself. */
const COMPOSE_OWN = ["COMPOSE_PROFILES"];

test("what docker-compose.yml reads is what .env.example explains", () => {
  const compose = readFileSync("docker-compose.yml", "utf8");
  const used = [...compose.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name = ""]) => name);
  const explained = [...readFileSync(".env.example", "utf8").matchAll(/^([A-Z0-9_]+)=/gm)].map(
    ([, name = ""]) => name,
  );
  expect(new Set(explained)).toEqual(new Set([...used, ...COMPOSE_OWN]));
});
