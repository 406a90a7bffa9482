/** The clients that people have, each with everything it is promised: `npm run clients:check` is the table. */
import { afterAll, beforeAll, inject, test } from "vitest";
import { Bench, type Check } from "./bench.ts";
import { ABORTS } from "./checks/aborts.ts";
import { ANSWERS } from "./checks/answers.ts";
import { FAILURES } from "./checks/failures.ts";
import { REFUSALS } from "./checks/refusals.ts";
import { CLIENTS, cellName, FEATURES, type Feature, isLeftOut } from "./matrix.ts";
import { World } from "./world.ts";

/** Side by side. */
const TOGETHER: Checks = { ...ANSWERS, ...REFUSALS, ...FAILURES };
/** One by one, afterwards: what goes by the clock. */
const ALONE: Checks = ABORTS;

type Checks = Readonly<Partial<Record<Feature, Check>>>;

let world: World;

beforeAll(async () => {
  world = await World.start(inject("redisUrl"));
});

afterAll(async () => {
  await world?.stop();
});

const cells = FEATURES.flatMap((feature) => CLIENTS.map((client) => ({ client, feature }))).filter(
  ({ client, feature }) => !isLeftOut(client, feature),
);

for (const { client, feature } of cells) {
  const check = TOGETHER[feature];
  if (check) test.concurrent(cellName(client, feature), () => check(new Bench(client, world)));
}

for (const { client, feature } of cells) {
  const check = ALONE[feature];
  if (check) test(cellName(client, feature), () => check(new Bench(client, world)));
}
