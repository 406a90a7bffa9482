/**
 * HTTP/1.1 against HTTP/2 to a provider: `npm run bench -- http-versions`, after `npm run build`.
 *
 * A simulator in a process of its own speaks both over TLS; undici asks it as a worker would, on
 * connections that are open already. With HTTP/2 all runs share one, with HTTP/1.1 each has its own.
 */
import { figuresOf } from "../shared/testing/src/figures.ts";
import { type FarSimulator, startFarSimulator } from "./far-simulator.ts";
import { type Asked, openPool, type Version } from "./streaming-pool.ts";
import { openWorkerPool } from "./worker-pool.ts";

const FIRST_TEXT_MS = 200;
const GAP_MS = 20;
const ANSWER = { words: 30, firstTokenMs: FIRST_TEXT_MS, gapMs: GAP_MS };
const VERSIONS: readonly Version[] = ["1.1", "2"];
/** Runs at once, and how often. */
const CROWDS = [
  [1, 8],
  [20, 4],
  [100, 3],
] as const;

type Row = Record<string, string | number>;

const ms = (value: number) => `${value.toFixed(1)} ms`;

async function crowd(
  simulator: FarSimulator,
  version: Version,
  [size, rounds]: readonly [number, number],
) {
  const pool = await openPool(simulator, version, size);
  const all: Asked[] = [];
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    const runs = Array.from({ length: size }, () => pool.ask(ANSWER));
    all.push(...(await Promise.all(runs.map(({ over }) => over))));
  }
  const { user, system } = process.cpuUsage(cpu);
  await pool.close();
  const first = figuresOf(all.map(({ firstMs }) => firstMs - FIRST_TEXT_MS));
  const gaps = figuresOf(all.flatMap(({ gapsMs }) => gapsMs));
  return {
    "HTTP/": version,
    "runs at once": size,
    "first text added p50": ms(first.p50),
    "at most": ms(first.max),
    "gap p50": ms(gaps.p50),
    "gap p99": ms(gaps.p99),
    "gap at most": ms(gaps.max),
    "CPU per run": ms((user + system) / 1_000 / all.length),
  };
}

/** Half of a hundred runs are aborted at once: what do they, and the others, notice? */
async function aborts(
  simulator: FarSimulator,
  client: Version | "1.1, as the worker",
): Promise<Row> {
  const pool =
    client === "1.1, as the worker"
      ? await openWorkerPool(simulator, 100)
      : await openPool(simulator, client, 100);
  const before = await simulator.stats();
  const runs = Array.from({ length: 100 }, () => pool.ask({ ...ANSWER, words: 60 }));
  await Promise.all(runs.map(({ begun }) => begun));
  const [leaving, staying] = [runs.slice(0, 50), runs.slice(50)];
  const abortedAt = performance.now();
  for (const run of leaving) run.abort();
  await simulator.until(({ total }) => total.aborted - before.total.aborted === 50);
  const seenMs = performance.now() - abortedAt;
  const rest = await Promise.all(staying.map(({ over }) => over));
  await Promise.allSettled(leaving.map(({ over }) => over));
  const after = await simulator.stats();
  await pool.close();
  return {
    "HTTP/": client,
    "50 of 100 aborted: seen by the provider after": ms(seenMs),
    "connections closed": after.sockets.closed - before.sockets.closed,
    "others whole": rest.filter(({ whole }) => whole).length,
    "their longest gap": ms(Math.max(...rest.flatMap(({ gapsMs }) => gapsMs))),
  };
}

/** Three answers of 4 MiB are not read, like a run whose user is slow: do others get their text? */
async function unread(simulator: FarSimulator, version: Version): Promise<Row> {
  const pool = await openPool(simulator, version, 23);
  const stuck = Array.from({ length: 3 }, () =>
    pool.ask({ words: 2, hugeAfter: 0 }, { read: false }),
  );
  await Promise.all(stuck.map(({ begun }) => begun));
  const others = Array.from({ length: 20 }, () => pool.ask(ANSWER));
  const deadline = setTimeout(() => {
    for (const run of others) run.abort();
  }, 3_000);
  const ended = await Promise.allSettled(others.map(({ over }) => over));
  clearTimeout(deadline);
  for (const run of stuck) run.abort();
  await Promise.allSettled(stuck.map(({ over }) => over));
  await pool.close();
  const whole = ended.filter((end) => end.status === "fulfilled" && end.value.whole).length;
  return { "HTTP/": version, "beside 3 unread answers, others whole within 3 s": `${whole} of 20` };
}

/** One of the connections breaks while 20 runs stream: how many of them break with it? */
async function loss(simulator: FarSimulator, version: Version): Promise<Row> {
  const pool = await openPool(simulator, version, 20);
  const runs = Array.from({ length: 20 }, () => pool.ask(ANSWER));
  await Promise.all(runs.map(({ begun }) => begun));
  pool.breakOne();
  const ended = await Promise.allSettled(runs.map(({ over }) => over));
  await pool.close();
  const broken = ended.filter(({ status }) => status === "rejected").length;
  return { "HTTP/": version, "a connection breaks under 20 runs, runs lost": broken };
}

const simulator = await startFarSimulator();
try {
  // The first of everything is compiled, not measured.
  for (const version of VERSIONS) await crowd(simulator, version, [20, 1]);
  const each = (measure: (version: Version) => Promise<Row>) =>
    VERSIONS.map((version) => () => measure(version));
  const tables = [
    ...CROWDS.map((size) => each((version) => crowd(simulator, version, size))),
    [
      ...each((version) => aborts(simulator, version)),
      () => aborts(simulator, "1.1, as the worker"),
    ],
    each((version) => unread(simulator, version)),
    each((version) => loss(simulator, version)),
  ];
  for (const table of tables) {
    const rows: Row[] = [];
    for (const measure of table) rows.push(await measure());
    console.table(rows);
  }
} finally {
  await simulator.stop();
}
