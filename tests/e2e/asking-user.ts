/** A user of the SDK who asks one question after the other and compares every byte of the answers. */
import { GatewayClient } from "@openclaw/client";
import { answerFor, directive } from "@openclaw/simulator";
import { WebSocket } from "ws";
import type { Random } from "../chaos/random.ts";

export interface AskingUserOptions {
  readonly url: string;
  /** Of this user alone; no two ask the same. */
  readonly name: number;
  readonly random: Random;
  /** Of an answer. */
  readonly words: { readonly least: number; readonly most: number };
  readonly gapMs: number;
}

const PROVIDER = "zhipu";

export class AskingUser {
  readonly #options: AskingUserOptions;
  readonly #client: GatewayClient;
  readonly errors: unknown[] = [];
  readonly wrong: string[] = [];
  /** Of every time the connection was lost in mid-answer, in milliseconds until more text came. */
  readonly pauses: number[] = [];
  /** The longest of all times without new text within an answer, in milliseconds. */
  longestSilenceMs = 0;
  restarts = 0;
  answers = 0;
  bytes = 0;

  constructor(options: AskingUserOptions) {
    this.#options = options;
    this.#client = new GatewayClient({ url: options.url, WebSocket });
  }

  /** Asks while `isOn`; the last answer is read to its end. */
  async askWhile(isOn: () => boolean): Promise<void> {
    const { name, random, words, gapMs } = this.#options;
    for (let question = 0; isOn(); question += 1) {
      const seed = 1_000 * name + question;
      const prompt = directive({ words: random.between(words.least, words.most), gapMs, seed });
      try {
        await this.#ask(prompt);
      } catch (error) {
        this.errors.push(error);
      }
    }
    this.#client.close();
  }

  async #ask(prompt: string): Promise<void> {
    const run = this.#client.run(prompt, { provider: PROVIDER });
    const watched = this.#watch(run.events());
    let text = "";
    for await (const delta of run) text += delta;
    await watched;
    if (text !== answerFor({ prompt, profile: PROVIDER })) this.wrong.push(prompt);
    this.answers += 1;
    this.bytes += Buffer.byteLength(text);
  }

  async #watch(events: ReturnType<ReturnType<GatewayClient["run"]>["events"]>): Promise<void> {
    let lostAt: number | undefined;
    let heardAt = performance.now();
    for await (const { type } of events) {
      const now = performance.now();
      if (type === "reconnecting") lostAt ??= now;
      else if (type === "restarted") this.restarts += 1;
      else if (type === "delta") {
        if (lostAt !== undefined) this.pauses.push(now - lostAt);
        lostAt = undefined;
        this.longestSilenceMs = Math.max(this.longestSilenceMs, now - heardAt);
        heardAt = now;
      }
    }
  }
}
