/**
 * Notices that the content of a file has changed.
 *
 * Editors rename a new file over the old one, and Kubernetes turns a symbolic link to another directory. A watch on
 * the file itself would stay with the old file. So this watches two directories: that of the name, and that of the
 * link's target. Events come in bursts and for neighbours as well, so an event is only a reason to compare the
 * content. Some file systems (NFS, some mounts of containers) send no events. So the content is also compared from
 * time to time.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import type { Component } from "./life-cycle.ts";
import type { Logger } from "./log.ts";

/** From the first event of a burst to the look: a writer of several steps is usually done by then. */
const SETTLE_MS = 100;
const LOOK_EVERY_MS = 2_000;

export interface FileWatchOptions {
  readonly path: string;
  /** Called when the content is another than at the last look; also when there is no file any more. */
  readonly onChange: () => void;
  readonly log: Pick<Logger, "warn">;
  /** How often it is looked at without an event. For tests. */
  readonly lookEveryMs?: number;
}

export class FileWatch implements Component {
  readonly name = "file watch";
  readonly #options: FileWatchOptions;
  readonly #lookEveryMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Directories that could not be watched and were reported. */
  readonly #reported = new Set<string>();
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** `hurried`: an event came that no look has followed yet. */
  #state: "stopped" | "calm" | "hurried" = "stopped";
  #looking = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#lookEveryMs = options.lookEveryMs ?? LOOK_EVERY_MS;
  }

  /** From its end on no change goes unnoticed; what the file says until then is not told of. */
  async start(): Promise<void> {
    this.#state = "calm";
    await this.#watchDirectories();
    this.#seen = await this.#read();
    this.#lookIn(this.#lookEveryMs);
  }

  async stop(): Promise<void> {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    for (const directory of [...this.#watchers.keys()]) this.#unwatch(directory);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#state !== "stopped") this.#timer = setTimeout(() => void this.#look(), ms);
  }

  #hurry(): void {
    // The first event decides: a directory in which something happens all the time must not put it off.
    if (this.#state !== "calm") return;
    this.#state = "hurried";
    if (!this.#looking) this.#lookIn(SETTLE_MS);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    if (this.#state === "hurried") this.#state = "calm";
    // Before it is read, or what changes in between would be missed.
    await this.#watchDirectories();
    const seen = await this.#read();
    this.#looking = false;
    if (this.#isStopped()) return;
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#options.onChange();
    }
    this.#lookIn(this.#isHurried() ? SETTLE_MS : this.#lookEveryMs);
  }

  /** A digest of what the file says; configuration holds secrets, which need not be kept once more. */
  async #read(): Promise<string | undefined> {
    try {
      return createHash("sha256")
        .update(await readFile(this.#options.path))
        .digest("base64");
    } catch {
      // Not there, or not for us: `onChange` reads it too, and says what is wrong.
      return undefined;
    }
  }

  async #watchDirectories(): Promise<void> {
    const { path } = this.#options;
    // Where a link leads nowhere, its own directory will tell when it leads somewhere.
    const target = await realpath(path).catch(() => path);
    const wanted = new Set([dirname(path), dirname(target)]);
    if (this.#isStopped()) return;
    for (const directory of [...this.#watchers.keys()]) {
      if (!wanted.has(directory)) this.#unwatch(directory);
    }
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#watch(directory);
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#hurry());
      watcher.on("error", () => this.#unwatch(directory));
      this.#watchers.set(directory, watcher);
    } catch (error) {
      if (this.#reported.has(directory)) return;
      this.#reported.add(directory);
      this.#options.log.warn({ directory, err: error }, "directory not watched, looked at instead");
    }
  }

  #unwatch(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }

  // The state may have moved while something was awaited, which the compiler does not see.
  #isStopped(): boolean {
    return this.#state === "stopped";
  }

  #isHurried(): boolean {
    return this.#state === "hurried";
  }
}
