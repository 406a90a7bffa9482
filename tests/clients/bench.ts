/** One cell at work: a client of its own, a look at its wire, and questions for accounts of its own. */
import { type Directive, directive } from "@openclaw/simulator";
import { expect } from "vitest";
import { createAiClient } from "./ai-client.ts";
import type { ChatClient, ClientOptions, CreateClient, Question } from "./chat-client.ts";
import { createLangChainClient } from "./langchain-client.ts";
import { type ClientName, COLUMNS } from "./matrix.ts";
import type { NewestClients } from "./newest/newest-clients.ts";
import type { HostedOptions, NewestLibrary } from "./newest/protocol.ts";
import { createOpenAIClient } from "./openai-client.ts";
import { createSdkClient } from "./sdk-client.ts";
import { Wire } from "./wire.ts";
import { type Account, API_KEY, modelFor, type World } from "./world.ts";

const CREATE = {
  openai: createOpenAIClient,
  ai: createAiClient,
  langchain: createLangChainClient,
  sdk: createSdkClient,
} satisfies Readonly<Record<string, CreateClient>>;

export class Bench {
  readonly wire = new Wire();
  readonly world: World;
  readonly #name: ClientName;
  readonly #newest: NewestClients | undefined;
  readonly #clients: ChatClient[] = [];

  /** @param newest needed for the columns of the newest majors alone */
  constructor(name: ClientName, world: World, newest: NewestClients | undefined) {
    this.#name = name;
    this.world = world;
    this.#newest = newest;
  }

  /** Otherwise its errors have no status, and it does not send a request again. */
  get speaksHttp(): boolean {
    return this.#name !== "sdk";
  }

  /** Straight to an edge, with the library's own retries, unless told otherwise. */
  client({
    maxRetries,
    baseUrl = this.world.baseUrl,
    apiKey = API_KEY,
  }: Partial<Pick<ClientOptions, "maxRetries" | "baseUrl" | "apiKey">> = {}): ChatClient {
    const { library, newest } = COLUMNS[this.#name];
    const options = { baseUrl, apiKey, maxRetries };
    const client = newest
      ? this.#hosted(library, options)
      : CREATE[library]({ ...options, fetch: this.wire.fetch });
    this.#clients.push(client);
    return client;
  }

  #hosted(library: NewestLibrary, options: HostedOptions): ChatClient {
    if (this.#newest === undefined) throw new Error(`${this.#name} needs a later Node`);
    return this.#newest.client(library, options, this.wire);
  }

  /** Holds what this client's requests were answered with, one by one, if it speaks HTTP at all. */
  expectStatuses(...statuses: readonly number[]): void {
    if (this.speaksHttp) expect(this.wire.statuses).toEqual(statuses);
  }

  /** Lets go of the clients. */
  clear(): void {
    for (const client of this.#clients) client.close?.();
  }

  /** @param prompt a text, or what the simulator is to do */
  question(
    prompt: string | Directive,
    { account = "well", ...more }: Partial<Question> & { readonly account?: Account } = {},
  ): Question {
    const content = typeof prompt === "string" ? prompt : directive(prompt);
    return {
      model: modelFor(account, this.#name),
      messages: [{ role: "user", content }],
      ...more,
    };
  }
}

/** The check of one cell. Rejects where the client does not give its user what is promised. */
export type Check = (bench: Bench) => Promise<void>;
