import { afterEach, describe, expect, test, vi } from "vitest";
import { type Entry, type LoggedEntry, MalformedEntryError } from "./entry.ts";
import { Follower, type FollowerOptions } from "./follower.ts";
import type { LogPage } from "./log-page.ts";
import { BEGINNING, type Position } from "./position.ts";

const BATCHED = 64 * 1024;

/** A log that is all there, and a reader that stops after so many characters until it resumes. */
class Reading {
  readonly #log: readonly Entry[];
  readonly #room: number;
  readonly follower: Follower;
  readonly got: Entry[] = [];
  charactersRead = 0;
  reads = 0;
  largestPage = 0;
  #taken = 0;

  constructor({ entries, length, room }: { entries: number; length: number; room: number }) {
    this.#log = Array.from({ length: entries }, (_, index) => ({
      type: "text",
      text: String(index).padStart(length, "."),
    }));
    this.#room = room;
    this.follower = new Follower({
      runId: "r",
      after: BEGINNING,
      read: async (_, after, limit) => this.#page(after, limit),
      deliver: (_, entry) => this.#take(entry),
      batch: (deliverAll) => deliverAll(),
      onLost: () => undefined,
      onUnreadable: () => undefined,
    });
  }

  /** Reads on, whenever it had to stop, until everything is there. */
  async toTheEnd(): Promise<void> {
    this.follower.refill();
    while (this.got.length < this.#log.length) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#taken = 0;
      this.follower.resume();
    }
  }

  #page({ seq }: Position, limit: number): LogPage {
    const entries = this.#log
      .slice(seq, seq + limit)
      .map((entry, index) => ({ position: { epoch: 0, seq: seq + index + 1 }, entry }));
    const characters = entries.reduce((sum, { entry }) => sum + lengthOf(entry), 0);
    this.charactersRead += characters;
    this.largestPage = Math.max(this.largestPage, characters);
    this.reads += 1;
    const end = { epoch: 0, seq: this.#log.length };
    return { entries, complete: entries.length < limit, end, isEnded: false };
  }

  #take(entry: Entry): boolean {
    this.got.push(entry);
    this.#taken += lengthOf(entry);
    return this.#taken < this.#room;
  }
}

const lengthOf = (entry: LoggedEntry) => (entry.type === "text" ? entry.text.length : 0);

describe("a reader that is caught up from the log", () => {
  test("costs little more than it takes, when it takes little at a time", async () => {
    const reading = new Reading({ entries: 256, length: 16_384, room: BATCHED });
    await reading.toTheEnd();
    expect(reading.charactersRead).toBeLessThan(3 * 256 * 16_384);
  });

  test("gets a long answer of short pieces in few reads", async () => {
    const reading = new Reading({ entries: 10_000, length: 5, room: Number.POSITIVE_INFINITY });
    await reading.toTheEnd();
    expect(reading.got).toHaveLength(10_000);
    expect(reading.reads).toBeLessThan(50);
  });

  test("never holds a page of megabytes, be its pieces ever so long", async () => {
    const room = Number.POSITIVE_INFINITY;
    const reading = new Reading({ entries: 256, length: 16_384, room });
    await reading.toTheEnd();
    expect(reading.largestPage).toBeLessThanOrEqual(512 * 1024);
  });
});

test("what is published while an empty page is on its way is read at once, not at the next silence", async () => {
  const text = { type: "text", text: "the last piece" } as const;
  const position = { epoch: 1, seq: 1 };
  const got: Entry[] = [];
  let reads = 0;
  const follower = new Follower({
    runId: "r",
    after: { epoch: 1, seq: 0 },
    read: async () => {
      reads += 1;
      if (reads > 1) {
        return {
          entries: [{ position, entry: text }],
          complete: true,
          end: position,
          isEnded: false,
        };
      }
      // Redis had read the log before; its answer comes behind what it published after.
      follower.offer(position, text);
      return { entries: [], complete: true, end: { epoch: 1, seq: 0 }, isEnded: false };
    },
    deliver: (_, entry) => got.push(entry) > 0,
    batch: (deliverAll) => deliverAll(),
    onLost: () => undefined,
    onUnreadable: () => undefined,
  });
  follower.refill();
  await vi.waitFor(() => expect(got).toEqual([text]));
});

describe("a log that was cut back behind its reader", () => {
  afterEach(() => vi.useRealTimers());

  function reading(page: () => LogPage, isOffered = async () => false) {
    const got: Position[] = [];
    let lost = false;
    const follower = new Follower({
      runId: "r",
      after: { epoch: 7, seq: 5 },
      read: async () => page(),
      isOffered,
      deliver: (position) => got.push(position) > 0,
      batch: (deliverAll) => deliverAll(),
      onLost: () => {
        lost = true;
      },
      onUnreadable: () => undefined,
    });
    const refill = async () => {
      follower.refill();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { refill, got, lost: () => lost };
  }

  const cutBack = { entries: [], complete: true, end: { epoch: 7, seq: 3 }, isEnded: false };

  test("is lost at once where the run has ended: its end is among what the reader skips", async () => {
    const reader = reading(() => ({ ...cutBack, isEnded: true }));
    await reader.refill();
    expect(reader.lost()).toBe(true);
  });

  test("is lost where no other attempt begins in time", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const reader = reading(() => cutBack);
    await reader.refill();
    vi.advanceTimersByTime(4_900);
    await reader.refill();
    expect(reader.lost()).toBe(false);
    vi.advanceTimersByTime(200);
    await reader.refill();
    expect(reader.lost()).toBe(true);
  });

  test("is not lost while a worker is still to be offered the run, or that is not known", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let offered = () => Promise.resolve(true);
    const reader = reading(
      () => cutBack,
      () => offered(),
    );
    await reader.refill();
    for (const answer of [offered, () => Promise.reject(new Error("no Redis")), offered]) {
      offered = answer;
      vi.advanceTimersByTime(20_000);
      await reader.refill();
      expect(reader.lost()).toBe(false);
    }
    offered = () => Promise.resolve(false);
    await reader.refill();
    expect(reader.lost()).toBe(true);
  });

  test("goes on with the attempt that begins", async () => {
    const position = { epoch: 8, seq: 0 };
    const entry: Entry = { type: "started", provider: "p", model: "m" };
    let page: LogPage = cutBack;
    const reader = reading(() => page);
    await reader.refill();
    page = { entries: [{ position, entry }], complete: true, end: position, isEnded: false };
    await reader.refill();
    expect([reader.got, reader.lost()]).toEqual([[position], false]);
  });
});

test("a piece that was missed is told of once; one that comes twice, or in order, is no gap", async () => {
  const piece = (seq: number) => ({
    position: { epoch: 1, seq },
    entry: { type: "text", text: String(seq) } as const,
  });
  const got: number[] = [];
  let gaps = 0;
  const follower = new Follower({
    runId: "r",
    after: { epoch: 1, seq: 0 },
    read: async () => {
      const end = { epoch: 1, seq: 4 };
      return { entries: [3, 4].map(piece), complete: true, end, isEnded: false };
    },
    deliver: ({ seq }) => got.push(seq) > 0,
    batch: (deliverAll) => deliverAll(),
    onGap: () => {
      gaps += 1;
    },
    onLost: () => undefined,
    onUnreadable: () => undefined,
  });
  for (const seq of [1, 2, 2, 4, 5]) follower.offer(piece(seq).position, piece(seq).entry);
  await vi.waitFor(() => expect(got.slice(0, 4)).toEqual([1, 2, 3, 4]));
  follower.close();
  expect(gaps).toBe(1);
});

describe("a log with something in it that this release does not know", () => {
  const said = (text: string): LoggedEntry => ({ type: "text", text });
  const unknown: LoggedEntry = { type: "unknown" };

  /** A reader of these entries, in one page. */
  function readerOf(entries: readonly LoggedEntry[], more: Partial<FollowerOptions> = {}) {
    const got: Entry[] = [];
    const errors: unknown[] = [];
    const follower = new Follower({
      runId: "r",
      after: { epoch: 1, seq: 0 },
      read: async (_, { seq }) => ({
        entries: entries.slice(seq).map((entry, index) => at(seq + index + 1, entry)),
        complete: true,
        end: { epoch: 1, seq: entries.length },
        isEnded: false,
      }),
      deliver: (_, entry) => got.push(entry) > 0,
      batch: (deliverAll) => deliverAll(),
      onLost: () => undefined,
      onUnreadable: (error) => errors.push(error),
      ...more,
    });
    return { follower, got, errors };
  }

  const at = (seq: number, entry: LoggedEntry) => ({ position: { epoch: 1, seq }, entry });

  test("is read on behind it, without a gap", async () => {
    let gaps = 0;
    const reader = readerOf([said("a"), unknown, said("b")], { onGap: () => (gaps += 1) });
    reader.follower.refill();
    await vi.waitFor(() => expect(reader.got).toEqual([said("a"), said("b")]));
    reader.follower.offer({ epoch: 1, seq: 4 }, unknown);
    reader.follower.offer({ epoch: 1, seq: 5 }, said("c"));
    expect(reader.got).toEqual([said("a"), said("b"), said("c")]);
    expect([gaps, reader.follower.position.seq]).toEqual([0, 5]);
  });

  test("is given up where that was its end", async () => {
    const end = { epoch: 1, seq: 2 };
    const read = async () => ({
      entries: [at(1, said("a")), at(2, unknown)],
      complete: true,
      end,
      isEnded: true,
    });
    const reader = readerOf([], { read });
    reader.follower.refill();
    await vi.waitFor(() => expect(reader.errors).toEqual([expect.any(MalformedEntryError)]));
    expect(reader.got).toEqual([said("a")]);
  });

  test("is given up at once where it must not be skipped, and not taken for an outage", async () => {
    const read = async () => {
      throw new MalformedEntryError();
    };
    const reader = readerOf([], { read });
    reader.follower.offer({ epoch: 1, seq: 1 }, { type: "unreadable" });
    await vi.waitFor(() => expect(reader.errors).toEqual([expect.any(MalformedEntryError)]));
    expect(reader.follower.behind).toBe(false);
  });
});
