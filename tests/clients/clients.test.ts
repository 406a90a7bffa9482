/** The clients that people have, each with everything it is promised: `npm run clients:check` is the table. */
import { afterAll, beforeAll, inject, test } from "vitest";
import { Bench, type Check } from "./bench.ts";
import { ABORTS } from "./checks/aborts.ts";
import { ANSWERS } from "./checks/answers.ts";
import { FAILURES } from "./checks/failures.ts";
import { REFUSALS } from "./checks/refusals.ts";
import {
  CLIENTS,
  type ClientName,
  COLUMNS,
  cellName,
  FEATURES,
  type Feature,
  leftOut,
} from "./matrix.ts";
import { findLaterNode } from "./newest/later-node.ts";
import { NewestClients } from "./newest/newest-clients.ts";
import { World } from "./world.ts";

/** Side by side. */
const TOGETHER: Checks = { ...ANSWERS, ...REFUSALS, ...FAILURES };
/** One by one, afterwards: what goes by the clock. */
const ALONE: Checks = ABORTS;

type Checks = Readonly<Partial<Record<Feature, Check>>>;

const laterNode = findLaterNode();
const clients = CLIENTS.filter((name) => !COLUMNS[name].newest || laterNode.path !== undefined);

let world: World;
let newest: NewestClients | undefined;

beforeAll(async () => {
  world = await World.start(inject("redisUrl"));
  if (laterNode.path !== undefined) newest = await NewestClients.start(laterNode.path);
});

afterAll(async () => {
  await newest?.stop();
  await world?.stop();
});

if (laterNode.missing !== undefined) {
  test("the newest majors", ({ skip }) => skip(laterNode.missing));
}

async function atBench(client: ClientName, check: Check): Promise<void> {
  const bench = new Bench(client, world, newest);
  try {
    await check(bench);
  } finally {
    bench.clear();
  }
}

const cells = FEATURES.flatMap((feature) => clients.map((client) => ({ client, feature }))).filter(
  ({ client, feature }) => leftOut(client, feature) === undefined,
);

for (const { client, feature } of cells) {
  const check = TOGETHER[feature];
  if (check) test.concurrent(cellName(client, feature), () => atBench(client, check));
}

for (const { client, feature } of cells) {
  const check = ALONE[feature];
  if (check) test(cellName(client, feature), () => atBench(client, check));
}
