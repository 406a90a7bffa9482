/** One cluster for all cells of the matrix, which run side by side. */
import {
  createSimulator,
  INSTANT,
  type Profile,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, TcpProxy } from "@openclaw/testing";
import { CLIENTS, type ClientName } from "./matrix.ts";

/** The gateway of the matrix refuses a client without this key. */
export const API_KEY = "the-key-of-the-matrix";

/** Accounts that any cell may ask. */
const SHARED = {
  well: {},
  other: {},
  // Long enough for a machine that is busy with all cells at once.
  strict: { timeouts: { firstTokenMs: 2_000, stallMs: 2_000 } },
  covered: { fallback: ["well"] },
  unlike: { fallback: ["other"] },
};

/** What leaves a trace (a rest, a limit) is done to an account that each client has for itself. */
const OWNED = ["unpaid", "limited", "overloaded"] as const;
type Owned = (typeof OWNED)[number];

export type Account = keyof typeof SHARED | Owned;

/** Longer than any cell waits that is about a proper status, see `comments while nothing is said`. */
export const KEEP_ALIVE_AFTER_MS = 5_000;

/** By the prompt: who wants to know of its request. */
interface Watchers {
  readonly begun: Map<string, () => void>;
  readonly over: Map<string, () => void>;
}

export class World {
  readonly #cluster: Cluster;
  readonly #simulator: Simulator;
  readonly #watchers: Watchers;
  #seeds = 0;

  private constructor(cluster: Cluster, simulator: Simulator, watchers: Watchers) {
    this.#cluster = cluster;
    this.#simulator = simulator;
    this.#watchers = watchers;
  }

  /** Two edges and two workers in front of a simulator. The services must have been built. */
  static async start(redisUrl: string): Promise<World> {
    const watchers: Watchers = { begun: new Map(), over: new Map() };
    const simulator = createSimulator({
      port: 0,
      profiles: profiles(),
      onChat: (_profile, body) => watchers.begun.get(promptIn(body))?.(),
      onOver: (prompt) => watchers.over.get(prompt)?.(),
      // An account's limit: it refuses both the gateway's first try and its second, then no more.
      faults: {
        burst: { status: 429, requests: 2, every: 1_000, retryAfterS: 1 },
        faultOn: CLIENTS.map(limitedProfile),
      },
    });
    await simulator.start();
    const cluster = await Cluster.start({
      redisUrl,
      gateway: { providers: providers(simulator.url), defaultProvider: "well" },
      env: {
        EDGE_API_KEYS: API_KEY,
        EDGE_KEEP_ALIVE_AFTER_MS: String(KEEP_ALIVE_AFTER_MS),
        // So many faults on purpose are nothing that a shared account should be given up for.
        WORKER_CIRCUIT_FAILURES: "1000",
      },
    }).catch(async (error: unknown) => {
      await simulator.stop();
      throw error;
    });
    return new World(cluster, simulator, watchers);
  }

  get baseUrl(): string {
    return `http://${this.#cluster.host}/v1`;
  }

  /** A network of its own on the way to an edge. The caller stops it. */
  async network(): Promise<{ readonly baseUrl: string; readonly proxy: TcpProxy }> {
    const [host = "", port] = this.#cluster.host.split(":");
    const proxy = await TcpProxy.start({ host, port: Number(port) });
    return { baseUrl: `http://${host}:${proxy.port}/v1`, proxy };
  }

  /** A seed that no other cell has: its answer is the same at every profile, and its prompt its own. */
  nextSeed(): number {
    this.#seeds += 1;
    return this.#seeds;
  }

  /** Resolves once the provider has been asked this. */
  begun(prompt: string): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.begun.set(prompt, resolve);
    });
  }

  /** When the provider's side of the request with this prompt is over, on the process's clock in ms. */
  overAt(prompt: string): Promise<number> {
    return new Promise((resolve) => {
      this.#watchers.over.set(prompt, () => resolve(performance.now()));
    });
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
    await this.#simulator.stop();
  }
}

function promptIn(body: string): string {
  const { messages } = JSON.parse(body) as { messages: readonly { content: unknown }[] };
  return String(messages.at(-1)?.content);
}

/** The provider's name of an account. */
export function modelFor(account: Account, client: ClientName): string {
  return isOwned(account) ? ownedName(account, client) : account;
}

function isOwned(account: Account): account is Owned {
  return OWNED.some((owned) => owned === account);
}

/** The name of a provider has no dot. */
function ownedName(account: Owned, client: ClientName): string {
  return `${account}-${client.replace(".", "-")}`;
}

function limitedProfile(client: ClientName): string {
  return ownedName("limited", client);
}

/** The shipped ones, and one for each client whose requests are counted. */
function profiles() {
  const { openai, ...others } = profilesAt(INSTANT);
  const limited = CLIENTS.map((client): [string, Profile] => [limitedProfile(client), openai]);
  return { ...others, ...Object.fromEntries(limited), openai };
}

function providers(url: string) {
  const at = (profile: string, kind = "openai") => ({
    kind,
    baseUrl: `${url}/${profile}/v1`,
    apiKey: "simulated",
    model: "test-model",
    simulated: true,
    maxConcurrency: 100,
  });
  const owned = CLIENTS.flatMap((client) =>
    OWNED.map((account) => {
      const profile = account === "limited" ? limitedProfile(client) : "openai";
      return [modelFor(account, client), at(profile)];
    }),
  );
  const shared = Object.entries(SHARED).map(([account, settings]) => [
    account,
    { ...at("openai"), ...settings },
  ]);
  return {
    ...Object.fromEntries(owned),
    ...Object.fromEntries(shared),
    // Not of the profile that the others have, so that a fault can be theirs alone.
    well: at("hunyuan", "tencent"),
    other: at("zhipu", "zhipu"),
  };
}
