/** The clients that people have, each with everything it is promised: `npm run clients:check` is the table. */
import { afterAll, beforeAll, inject, test } from "vitest";
import { Bench, type Check } from "./bench.ts";
import { ANSWERS } from "./checks/answers.ts";
import { FAILURES } from "./checks/failures.ts";
import { REFUSALS } from "./checks/refusals.ts";
import { CLIENTS, cellName, FEATURES, isLeftOut } from "./matrix.ts";
import { World } from "./world.ts";

const CHECKS: Readonly<Record<string, Check>> = { ...ANSWERS, ...REFUSALS, ...FAILURES };

let world: World;

beforeAll(async () => {
  world = await World.start(inject("redisUrl"));
});

afterAll(async () => {
  await world?.stop();
});

for (const feature of FEATURES) {
  const check = CHECKS[feature];
  for (const client of CLIENTS) {
    if (isLeftOut(client, feature)) continue;
    if (check === undefined) throw new Error(`nothing checks ${feature}`);
    test.concurrent(cellName(client, feature), () => check(new Bench(client, world)));
  }
}
