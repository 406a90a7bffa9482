import { setTimeout as delay } from "node:timers/promises";
import { Refused, V2Client, type V2Run } from "@openclaw/testing";
import { type Crowd, linger, reconnect, TERMINAL_WITHIN_MS } from "./crowd.ts";
import type { Watched } from "./history.ts";
import { judge } from "./judge.ts";
import { ask, type Question } from "./question.ts";
import type { Random } from "./random.ts";

const ROUND_MS = 50;
const RUNS_AT_ONCE = 2;
/** How often a user loses interest, each round and each time of coming back. */
const CANCELS = 0.002;
const CANCELS_COMING_BACK = 0.1;

/** Not the moment: the run goes on, and may be resumed later. */
const NOT_NOW: readonly unknown[] = [
  "already_resuming",
  "draining",
  "overloaded",
  "too_many_runs",
  "unavailable",
];

interface OpenRun {
  readonly run: V2Run;
  readonly asked: Question;
  readonly since: number;
  readonly watched: Watched;
  /** When its last text had come, at the last look. */
  heardAt: number;
}

/** Keeps several runs open, loses its connection at will, and comes back for all of them. */
export async function v2User(random: Random, crowd: Crowd): Promise<void> {
  await new V2User(random, crowd).live();
}

class V2User {
  readonly #random: Random;
  readonly #crowd: Crowd;
  readonly #session: string;
  readonly #open = new Set<OpenRun>();
  /** Runs to resume once more on this connection. */
  readonly #again = new Set<OpenRun>();
  #client: V2Client | undefined;
  #seenFaults = 0;
  #nextAt = 0;

  constructor(random: Random, crowd: Crowd) {
    this.#random = random;
    this.#crowd = crowd;
    this.#session = `chaos-${random.between(0, 1e9)}`;
  }

  async live(): Promise<void> {
    const { closing } = this.#crowd;
    await linger(this.#random.between(0, 3_000), closing);
    await this.#connect();
    while (this.#client && !(closing.aborted && this.#open.size === 0)) {
      if (this.#wantsMore()) await this.#begin(this.#client);
      if (this.#client.closed || this.#random.chance(0.01)) await this.#comeBack(this.#client);
      else if (this.#random.chance(0.005)) await this.#sleep(this.#client);
      if (this.#random.chance(CANCELS)) this.#cancelOne();
      for (const open of [...this.#again]) {
        this.#again.delete(open);
        if (this.#open.has(open) && !this.#client.closed) await this.#resume(this.#client, open);
      }
      this.#look();
      await delay(ROUND_MS);
    }
    this.#client?.close();
    for (const open of this.#open) open.watched.closed();
  }

  async #connect(): Promise<void> {
    const { url } = this.#crowd;
    this.#client = await reconnect(() => V2Client.connect(url(this.#session)), this.#crowd);
    this.#seenFaults = 0;
  }

  #wantsMore(): boolean {
    if (this.#crowd.closing.aborted || this.#client?.closed) return false;
    return this.#open.size < RUNS_AT_ONCE && performance.now() > this.#nextAt;
  }

  async #begin(client: V2Client): Promise<void> {
    const { history, providers, nextNumber } = this.#crowd;
    this.#nextAt = performance.now() + this.#random.between(100, 3_000);
    const asked = ask(this.#random, { number: nextNumber(), providers });
    const since = performance.now();
    const run = await client.run(asked.prompt, asked.provider).catch((error: unknown) => error);
    if (run instanceof Refused) history.note(`v2 refused ${run.code}`);
    // The connection broke before the run had a name: nothing was promised.
    else if (client.closed) history.note("v2 connection lost");
    else if (run instanceof Error) history.violate("no terminal in time", `v2 ${run.message}`);
    else {
      // What else `run` resolves with.
      const accepted = run as V2Run;
      const watched = history.open({ isTelling: !asked.isFaulty, id: accepted.id });
      history.accepted.add(accepted.id);
      this.#open.add({ run: accepted, asked, since, watched, heardAt: since });
    }
  }

  /** Loses the connection and makes another, on whichever edge, behind what it has of each run. */
  async #comeBack(client: V2Client): Promise<void> {
    this.#noteFaults(client);
    client.terminate();
    await this.#connect();
    if (!this.#client) return;
    this.#again.clear();
    for (const open of this.#open) {
      // A run that has its end needs no more.
      if (open.run.terminals.length === 0) await this.#resume(this.#client, open);
    }
  }

  async #resume(client: V2Client, open: OpenRun): Promise<void> {
    const { run, asked, since } = open;
    const { history, resumeWindowMs } = this.#crowd;
    const resuming = client.resume(run);
    if (this.#random.chance(CANCELS_COMING_BACK)) this.#cancel(client, open);
    // The connection may break again: the next round comes back once more.
    const resumed = await resuming.catch(() => undefined);
    if (resumed?.outcome !== "not_resumable") return;
    if (NOT_NOW.includes(resumed.reason)) {
      this.#again.add(open);
      return;
    }
    // Heard of so lately, it cannot have ended longer ago than ended runs are kept.
    const awayMs = performance.now() - Math.max(since, run.heardAt);
    if (awayMs > resumeWindowMs) history.note("v2 came back too late");
    else if (!history.hasForgottenSince(since) && !history.isBroken(run.id)) {
      const detail = `${resumed.reason} ${run.id} ${asked.prompt}`;
      history.violate("not resumable although nothing was forgotten", detail);
    }
    run.terminals.push({
      type: "error",
      run: run.id,
      code: "unknown_run",
      message: resumed.reason ?? "",
      retryable: true,
    });
  }

  /** The run may end at this very moment. */
  #cancelOne(): void {
    const [open] = this.#open;
    if (open && this.#client) this.#cancel(this.#client, open);
  }

  #cancel(client: V2Client, { run }: OpenRun): void {
    if (client.closed) return;
    this.#crowd.history.note("v2 cancel");
    client.send({ type: "cancel", run: run.id });
  }

  /** Reads nothing for a while. */
  async #sleep(client: V2Client): Promise<void> {
    client.pause();
    await linger(this.#random.between(500, 4_000), this.#crowd.closing);
    client.resumeReading();
  }

  #look(): void {
    const { history, purchases } = this.#crowd;
    for (const open of this.#open) {
      const { run, asked, since, watched } = open;
      if (run.text !== "" && run.heardAt > open.heardAt) {
        open.heardAt = run.heardAt;
        watched.heard();
      }
      const [terminal, second] = run.terminals;
      if (!terminal && performance.now() - since < TERMINAL_WITHIN_MS) continue;
      this.#open.delete(open);
      watched.closed();
      if (terminal) {
        const { id, text } = run;
        const isBegun = purchases.hasBegun(asked.prompt);
        judge({ protocol: "v2", id, since, isBegun, asked, text, terminal }, history);
      } else history.violate("no terminal in time", `v2 ${run.id} ${asked.prompt}`);
      if (second) history.violate("two terminals", `v2 ${run.id}`);
    }
    if (this.#client) this.#noteFaults(this.#client);
  }

  /** What a strict client finds wrong with the order of frames. */
  #noteFaults(client: V2Client): void {
    for (const { kind, detail } of client.faults.slice(this.#seenFaults)) {
      this.#crowd.history.violate(kind, detail);
    }
    this.#seenFaults = client.faults.length;
  }
}
