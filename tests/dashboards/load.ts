/**
 * Everything that can happen to a run, over and over and few at once, so that each panel has something to show. There
 * are answers of either protocol on warm and cold connections, thinking, and hedges. Providers are full, slow or gone.
 * Users cancel, leave, come back, or ask for a provider that does not exist.
 */
import { directive } from "@openclaw/simulator";
import {
  askTimed,
  ChatReader,
  Refused,
  type TimedAnswer,
  V1Client,
  V2Client,
} from "@openclaw/testing";
import { simulatedGateway } from "../e2e/simulated-gateway.ts";

/** Whom only users with a watch ask. */
export const TIMED = "nvidia2";

/** No server listens there. */
const NOWHERE = { kind: "openai", baseUrl: "http://127.0.0.1:9/v1", model: "test-model" };

/** Every kind of provider that an operator may meet. */
export function gatewayOf(simulatorUrl: string) {
  const pool = { warm: 8, connections: 64 };
  const { zhipu, hunyuan, nvidia1, nvidia2 } = simulatedGateway(simulatorUrl, { pool }).providers;
  return {
    providers: {
      zhipu,
      hunyuan: { ...hunyuan, fallback: ["zhipu"], hedgeAfterMs: 250 },
      limited: { ...hunyuan, fallback: ["zhipu"] },
      // Without a spare socket, every run meets a cold one.
      nvidia1: { ...nvidia1, pool: { warm: 0, connections: 64, idleMs: 1 } },
      nvidia2,
      gone: { ...NOWHERE, fallback: ["zhipu"] },
      lonely: NOWHERE,
    },
    defaultProvider: "zhipu",
    hedgeBudget: 0.5,
  };
}

/** Asks again and again, each user as soon as it has been answered, until stopped. */
export class Load {
  readonly #users: Promise<unknown>;
  #isOver = false;

  constructor(users: readonly (() => Promise<unknown>)[]) {
    this.#users = Promise.all(users.map((once) => this.#again(once)));
    // Told by `stop`, and not before.
    this.#users.catch(() => undefined);
  }

  /** Resolves when the last user has stopped. @throws the first fault of a user */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#users;
  }

  async #again(once: () => Promise<unknown>): Promise<void> {
    while (!this.#isOver) await once();
  }
}

type Asking = Parameters<typeof directive>[0];

/** What users do, each of them once, on a connection of its own. */
export class Users {
  readonly #url: () => string;
  #asked = 0;

  constructor(url: () => string) {
    this.#url = url;
  }

  /** One of each kind, but for those without a watch. */
  everyKind(): (() => Promise<unknown>)[] {
    return [
      () => this.plain("zhipu"),
      () => this.plain("nvidia1"),
      () => this.overHttp("zhipu"),
      () => this.framed("hunyuan", { lateMs: 800, faultOn: ["hunyuan"] }),
      () => this.framed("hunyuan", { reasoning: ["let me ", "see"] }),
      () => this.framed("limited", { status: 429, faultOn: ["hunyuan"] }),
      () => this.framed("gone"),
      () => this.framed("lonely"),
      () => this.cancels(),
      () => this.leaves(),
      () => this.comesBack(),
      () => this.asksForWhatThereIsNot(),
    ];
  }

  async plain(provider: string): Promise<void> {
    const user = await V1Client.connect(this.#url());
    await user.ask(this.#prompt(), provider);
    user.close();
  }

  async overHttp(provider: string): Promise<void> {
    const { host } = new URL(this.#url());
    const user = await ChatReader.ask(host, { model: provider, prompt: this.#prompt() });
    await user.whole();
  }

  async framed(provider: string, more: Asking = {}): Promise<void> {
    const user = await V2Client.connect(this.#url());
    await user.end(await user.run(this.#prompt(more), provider));
    user.close();
  }

  /** Looks at the watch as well. */
  async timed(): Promise<TimedAnswer> {
    const user = await V2Client.connect(this.#url());
    const firstTokenMs = 100 + 60 * (this.#asked % 8);
    const measured = await askTimed(user, this.#prompt({ firstTokenMs }), TIMED);
    user.close();
    return measured;
  }

  async cancels(): Promise<void> {
    const user = await V2Client.connect(this.#url());
    const run = await user.run(this.#prompt({ words: 500 }));
    user.send({ type: "cancel", run: run.id });
    await user.end(run);
    user.close();
  }

  /** What v1 cannot come back for ends with its connection. */
  async leaves(): Promise<void> {
    const user = await V1Client.connect(this.#url());
    const spoken = new Promise<void>((resolve) => {
      user.onFrame = () => resolve();
    });
    user.say(this.#prompt({ words: 500 }));
    await spoken;
    user.terminate();
  }

  async comesBack(): Promise<void> {
    const lost = await V2Client.connect(this.#url());
    const run = await lost.run(this.#prompt({ words: 20 }));
    await lost.next("delta");
    lost.terminate();
    const user = await V2Client.connect(`${this.#url()}/${lost.session}`);
    await user.resume(run);
    await user.end(run);
    user.close();
  }

  async asksForWhatThereIsNot(): Promise<void> {
    const user = await V2Client.connect(this.#url());
    await user.run(this.#prompt(), "nobody").catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
    });
    // Refusals come at once: alone they would be a flood.
    await user.end(await user.run(this.#prompt()));
    user.close();
  }

  #prompt(more: Asking = {}): string {
    this.#asked += 1;
    return directive({ words: 8, seed: this.#asked, firstTokenMs: 80, gapMs: 20, ...more });
  }
}
