import { createLogger } from "@openclaw/runtime";
import { expect, test } from "vitest";
import { ClusterView } from "./cluster-view.ts";

const well = { alive: true };

async function viewOf(...workers: readonly unknown[]): Promise<ClusterView> {
  const nodes = workers.map((details, index) => ({
    id: `worker-${index}`,
    kind: "worker",
    details,
  }));
  const registry = {
    nodes: async () => nodes as never[],
    isSettled: true,
    writeRefusal: undefined,
  };
  const view = new ClusterView({
    registry,
    count: async () => ({ waiting: 0, active: 0 }),
    providers: () => ({ a: { maxConcurrency: 2_000 }, b: { maxConcurrency: 32 } }),
    onRefreshed: () => undefined,
    pulse: well,
    subscription: well,
    log: createLogger({ service: "test", level: "silent" }),
  });
  await view.start();
  await view.stop();
  return view;
}

const narrow = {
  places: {
    a: { runs: 64, bound: "pool.connections" },
    b: { runs: 32, bound: "maxConcurrency" },
  },
};

test("an account that takes more runs than all workers is noted, with the setting that bounds it", async () => {
  const view = await viewOf(narrow, narrow);
  expect(view.troubles()).toEqual([]);
  expect(view.notes()).toEqual([
    "a: 2 workers have places for 128 runs at once of maxConcurrency 2000; raise pool.connections, or add workers",
  ]);
  expect(view.places.get("a")).toMatchObject({ runs: 128, bounds: ["pool.connections"] });
  expect(view.places.get("b")).toMatchObject({ runs: 64, bounds: ["maxConcurrency"] });
});

test("a provider that some workers do not serve has the places of the others", async () => {
  const view = await viewOf(narrow, { places: { b: narrow.places.b } });
  expect(view.places.get("a")).toMatchObject({ workers: 1, runs: 64 });
});

test("there is no note if a worker of an older version does not report, or no worker is alive", async () => {
  for (const view of [await viewOf(narrow, { activeRuns: 0 }), await viewOf()]) {
    expect(view.notes()).toEqual([]);
    expect(view.places.size).toBe(0);
  }
});
