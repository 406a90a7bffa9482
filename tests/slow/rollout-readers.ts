/**
 * Readers of long answers, one kind for each way to read one: two that can move to another edge, and two that
 * cannot. Each compares every byte, and notices how long nothing new came.
 */
import { setTimeout as delay } from "node:timers/promises";
import { GatewayClient } from "@openclaw/client";
import { answerFor } from "@openclaw/simulator";
import { ChatReader, type Cluster, V1Client } from "@openclaw/testing";
import { WebSocket } from "ws";
import { RunReader } from "../e2e/run-reader.ts";

export const KINDS = ["v2", "events", "v1", "chat"] as const;
export type Kind = (typeof KINDS)[number];

const PROVIDER = "zhipu";
const LOOK_EVERY_MS = 20;

/** One answer as its reader sees it. */
interface Reading {
  readonly text: () => string;
  /** How often it began again, as far as this kind of reader is told. */
  readonly restarts: () => number;
  /** Resolves at the end of a whole answer. @throws where it ends in another way */
  readonly whole: Promise<void>;
}

export class RolloutReader {
  readonly kind: Kind;
  readonly #reading: Reading;
  readonly #answer: string;
  #error: unknown;
  /** The longest time in which nothing new came, between the first piece and the last, in ms. */
  longestSilenceMs = 0;

  private constructor(kind: Kind, reading: Reading, answer: string) {
    this.kind = kind;
    this.#reading = reading;
    this.#answer = answer;
    reading.whole.catch((error: unknown) => {
      this.#error = error;
    });
  }

  static async start(kind: Kind, cluster: Cluster, prompt: string): Promise<RolloutReader> {
    const reading = await READ[kind](cluster, prompt);
    return new RolloutReader(kind, reading, answerFor({ prompt, profile: PROVIDER }));
  }

  get hasBegun(): boolean {
    return this.#reading.text().length > 5;
  }

  get restarts(): number {
    return this.#reading.restarts();
  }

  /** Reads to the end; answers what is wrong with the answer. */
  async end(): Promise<string | undefined> {
    const over = this.#reading.whole.then(
      () => true,
      () => true,
    );
    let [length, since] = [this.#reading.text().length, performance.now()];
    for (;;) {
      const isOver = await Promise.race([over, delay(LOOK_EVERY_MS)]);
      const now = performance.now();
      this.longestSilenceMs = Math.max(this.longestSilenceMs, Math.round(now - since));
      if (isOver) break;
      const { length: read } = this.#reading.text();
      if (read !== length) [length, since] = [read, now];
    }
    if (this.#error !== undefined) return `${this.kind}: ${this.#error}`;
    return this.#reading.text() === this.#answer ? undefined : `${this.kind}: wrong text`;
  }
}

const READ: Readonly<Record<Kind, (cluster: Cluster, prompt: string) => Promise<Reading>>> = {
  v2: readV2,
  events: readEvents,
  v1: readV1,
  chat: readChat,
};

/** As the SDK does, which goes to another edge as soon as it is told that its own leaves. */
async function readV2(cluster: Cluster, prompt: string): Promise<Reading> {
  const client = new GatewayClient({ url: cluster.url(), WebSocket });
  const run = client.run(prompt, { provider: PROVIDER });
  let [text, restarts] = ["", 0];
  const read = async () => {
    for await (const event of run.events()) {
      if (event.type === "delta") text += event.text;
      if (event.type !== "restarted") continue;
      text = "";
      restarts += 1;
    }
    client.close();
  };
  return { text: () => text, restarts: () => restarts, whole: read() };
}

/** As a browser's EventSource does, which comes back behind the last event. */
async function readEvents(cluster: Cluster, prompt: string): Promise<Reading> {
  const runs = `http://${cluster.host}/v1/runs`;
  const body = JSON.stringify({ message: prompt, provider: PROVIDER });
  const headers = { "content-type": "application/json" };
  const accepted = await fetch(runs, { method: "POST", headers, body });
  // What the document of the API says.
  const { id } = (await accepted.json()) as { id: string };
  const reader = new RunReader(`${runs}/${id}/events`);
  const read = async () => {
    while (!reader.terminal) {
      // An edge that has left refuses the connection.
      await reader.read().catch(() => undefined);
      await delay(LOOK_EVERY_MS);
    }
    if (reader.terminal.type !== "done") throw new Error(JSON.stringify(reader.terminal));
  };
  return { text: () => reader.text, restarts: () => reader.count("restart"), whole: read() };
}

async function readV1(cluster: Cluster, prompt: string): Promise<Reading> {
  const client = await V1Client.connect(cluster.url());
  let text = "";
  client.onFrame = (frame) => {
    if (!frame.startsWith('{"type"')) text += frame;
  };
  const read = async () => {
    const { terminal } = await client.ask(prompt, PROVIDER, 600_000);
    client.close();
    if (terminal.type !== "done") throw new Error(JSON.stringify(terminal));
  };
  return { text: () => text, restarts: () => 0, whole: read() };
}

async function readChat(cluster: Cluster, prompt: string): Promise<Reading> {
  const reader = await ChatReader.ask(cluster.host, { model: PROVIDER, prompt });
  return { text: () => reader.text, restarts: () => 0, whole: reader.whole() };
}
