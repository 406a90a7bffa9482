import { answerFor } from "@openclaw/simulator";
import { V2Client, type V2Fault, type V2Run } from "@openclaw/testing";

/** How a run ended for its reader. */
export interface ReaderEnd {
  /** `done`, the code of an error that may be tried again, or what is wrong. */
  readonly outcome: string;
  /** What the server did wrong, two terminals among it. */
  readonly faults: readonly V2Fault[];
}

/** A v2 user with a connection of its own who reads one answer, and notices how long no text came. */
export class SteadyReader {
  readonly run: V2Run;
  readonly #client: V2Client;
  readonly #answer: string;
  /** When text came, on the monotonic clock. */
  readonly #heardAt: number[] = [];

  private constructor(client: V2Client, run: V2Run, answer: string) {
    this.#client = client;
    this.run = run;
    this.#answer = answer;
    client.onFrame = ({ type }) => {
      if (type === "delta") this.#heardAt.push(performance.now());
    };
  }

  /** Resolves when the run is accepted. @throws Refused */
  static async start(url: string, prompt: string, provider: string): Promise<SteadyReader> {
    const client = await V2Client.connect(url);
    try {
      const run = await client.run(prompt, provider);
      return new SteadyReader(client, run, answerFor({ prompt, profile: "zhipu" }));
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The longest time between two pieces of text so far. */
  get longestSilenceMs(): number {
    const gaps = this.#heardAt.map((at, index) => at - (this.#heardAt[index - 1] ?? at));
    return Math.round(Math.max(0, ...gaps));
  }

  /** Reads to the end, and leaves. */
  async end(withinMs = 30_000): Promise<ReaderEnd> {
    const terminal = await this.#client.end(this.run, withinMs);
    this.#client.close();
    return { outcome: this.#outcome(terminal), faults: this.#client.faults };
  }

  #outcome(terminal: V2Run["terminals"][number]): string {
    const { text } = this.run;
    if (!this.#answer.startsWith(text)) return "wrong text";
    if (terminal.type === "done") return text === this.#answer ? "done" : "cut text";
    return terminal.type === "error" && terminal.retryable ? terminal.code : terminal.type;
  }
}

/** In words, how long no text came at most: to readers of the runs concerned, and to the others. */
export function silences(
  readers: readonly SteadyReader[],
  isConcerned: (runId: string) => boolean,
): string {
  const longest = (concerned: boolean) =>
    Math.max(
      ...readers
        .filter(({ run }) => isConcerned(run.id) === concerned)
        .map(({ longestSilenceMs }) => longestSilenceMs),
    );
  return `no text for ${longest(true)} ms there, ${longest(false)} ms elsewhere`;
}
