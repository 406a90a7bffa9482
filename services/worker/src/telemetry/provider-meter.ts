/**
 * The metrics of a provider: each request, each chunk of its answer, its sockets, and its state.
 *
 * The time to the first chunk ends at the first content. Response headers, a role, an empty delta or a keep-alive do not
 * count: with them, a provider that has sent no text would look fast.
 */
import type { HotCell, LabelValue, Metrics } from "@openclaw/metrics";
import type { Usage } from "@openclaw/protocol";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";

/** The state of a client, read with each scrape. */
export interface MeteredClient {
  readonly health: { readonly state: LabelValue<"state"> };
  /** How many sockets there are for each use. */
  readonly upstream: { readonly sockets: Readonly<Record<SocketUse, number>> };
}

export type SocketUse = "spare" | "idle" | "busy" | "connecting";

/** The meters of all providers in this process. */
export class ProviderMeters {
  readonly #metrics: Metrics;
  readonly #families: ReturnType<typeof familiesOf>;
  /** The clients of each provider, the newest last. There are two while one replaces the other. */
  readonly #clients = new Map<string, Set<MeteredClient>>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#families = familiesOf(metrics);
    metrics.gauge("openclaw_provider_state").from(() => this.#states());
    metrics.gauge("openclaw_pool_connections").from(() => this.#sockets());
  }

  /** The meter of one client of `provider`. */
  of(provider: string): ProviderMeter {
    const clients = this.#clients.get(provider) ?? new Set();
    this.#clients.set(provider, clients);
    return {
      begin: () => {
        const region = this.#metrics.regionOf(provider);
        return new RequestMeter({ provider, region }, this.#families);
      },
      asked: (answer) => this.#families.questions.inc({ provider, answer }),
      watch: (client) => void clients.add(client),
      unwatch: (client) => void clients.delete(client),
    };
  }

  *#states() {
    for (const [provider, clients] of this.#clients) {
      const client = [...clients].at(-1);
      for (const state of client ? STATES : []) {
        yield [{ provider, state }, Number(client?.health.state === state)] as const;
      }
    }
  }

  *#sockets() {
    for (const [provider, clients] of this.#clients) {
      for (const { upstream } of clients) {
        const { sockets } = upstream;
        for (const use of USES) yield [{ provider, use }, sockets[use]] as const;
      }
    }
  }
}

const STATES = ["available", "open", "resting", "refused"] as const;
const USES = ["spare", "idle", "busy", "connecting"] as const;

export interface ProviderMeter {
  /** A request begins. */
  begin(): RequestMeter;
  /** A question to an account that may be refused was answered. */
  asked(answer: LabelValue<"answer">): void;
  watch(client: MeteredClient): void;
  unwatch(client: MeteredClient): void;
}

function familiesOf(metrics: Metrics) {
  return {
    duration: metrics.histogram("gen_ai_client_operation_duration_seconds"),
    firstChunk: metrics.histogram("gen_ai_client_operation_time_to_first_chunk_seconds"),
    gaps: metrics.hot("gen_ai_client_operation_time_per_output_chunk_seconds"),
    tokens: metrics.histogram("gen_ai_client_token_usage"),
    characters: metrics.counter("openclaw_answer_characters_total"),
    errors: metrics.counter("openclaw_provider_errors_total"),
    questions: metrics.counter("openclaw_account_questions_total"),
  };
}

/** Measures one request, until its end. */
export class RequestMeter {
  readonly #provider: { readonly provider: string; readonly region: LabelValue<"region"> };
  readonly #families: ReturnType<typeof familiesOf>;
  readonly #gaps: HotCell;
  readonly #characters: Readonly<Record<"text" | "reasoning" | "tool_call", { value: number }>>;
  readonly #beganAt = performance.now();
  #chunkAt: number | undefined;
  #connection: LabelValue<"connection"> = "none";
  #isOver = false;

  constructor(
    provider: { readonly provider: string; readonly region: LabelValue<"region"> },
    families: ReturnType<typeof familiesOf>,
  ) {
    this.#provider = provider;
    this.#families = families;
    const { provider: name } = provider;
    this.#gaps = families.gaps.cell({ provider: name });
    this.#characters = {
      text: families.characters.cell({ provider: name, content: "text" }),
      reasoning: families.characters.cell({ provider: name, content: "reasoning" }),
      tool_call: families.characters.cell({ provider: name, content: "tool_call" }),
    };
  }

  /** Sees each event before it is passed on. */
  see(event: ProviderEvent): void {
    if (event.type === "headers") this.#connection = event.connection;
    else if (event.type === "finished") this.#finished(event.usage);
    else {
      this.#chunk();
      const { length } = event.type === "tool_call" ? event.arguments : event.text;
      this.#characters[event.type].value += length;
    }
  }

  /** No more events come: the request failed, or was cancelled. */
  ended(error?: unknown): void {
    if (this.#isOver) return;
    if (!(error instanceof ProviderError)) {
      this.#end("cancelled");
      return;
    }
    const { provider } = this.#provider;
    this.#connection = error.connection ?? this.#connection;
    this.#families.errors.inc({ provider, code: error.code });
    this.#end("failed");
  }

  #chunk(): void {
    const now = performance.now();
    if (this.#chunkAt !== undefined) this.#gaps.observe((now - this.#chunkAt) / 1_000);
    else {
      const labels = { ...this.#provider, connection: this.#connection };
      this.#families.firstChunk.observe(labels, (now - this.#beganAt) / 1_000);
    }
    this.#chunkAt = now;
  }

  #finished(usage: Usage | undefined): void {
    const { provider } = this.#provider;
    if (usage) {
      const { tokens } = this.#families;
      tokens.observe({ provider, token_type: "input" }, usage.inputTokens);
      tokens.observe({ provider, token_type: "output" }, usage.outputTokens);
    }
    this.#end("completed");
  }

  #end(outcome: LabelValue<"outcome">): void {
    this.#isOver = true;
    const labels = { ...this.#provider, connection: this.#connection, outcome };
    this.#families.duration.observe(labels, (performance.now() - this.#beganAt) / 1_000);
  }
}
