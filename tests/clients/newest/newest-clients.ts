/**
 * Clients whose library runs in a process of a later Node.
 *
 * The checks run in the test's process and are those of the older majors. Texts, answers, errors and requests reach
 * them over IPC.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answered, ChatClient, Question, Reader, Refusal } from "../chat-client.ts";
import type { Exchange, Wire } from "../wire.ts";
import {
  CLOCK_SHIFT_MS,
  type HostedOptions,
  type NewestLibrary,
  type News,
  type Order,
  shifted,
} from "./protocol.ts";

/** A library's error, as far as it can be told to another process. */
class HostedError extends Error {
  override readonly name = "HostedError";
  readonly refusal: Refusal | undefined;

  constructor({ message, stack, refusal }: Extract<News, { kind: "failed" }>) {
    super(message, { cause: stack });
    this.refusal = refusal;
  }
}

interface Call {
  readonly onText: Reader["onText"];
  readonly resolve: (value: Answered | readonly string[]) => void;
  readonly reject: (error: Error) => void;
}

export class NewestClients {
  readonly #host: ChildProcess;
  readonly #calls = new Map<number, Call>();
  readonly #wires = new Map<number, (index: number, exchange: Exchange) => void>();
  #count = 0;

  private constructor(host: ChildProcess) {
    this.#host = host;
    host.on("message", (news: News) => this.#hear(news));
    host.once("exit", (code, signal) => {
      const error = new Error(`the process of the newest libraries ended (${signal ?? code})`);
      for (const { reject } of this.#calls.values()) reject(error);
    });
  }

  /** @param node path of a later Node, see `findLaterNode` */
  static async start(node: string): Promise<NewestClients> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const host = fork(fileURLToPath(new URL("host.ts", import.meta.url)), {
      execPath: node,
      // Not those of this process, whose conditions lead to sources.
      execArgv: ["--import", new URL("resolve-here.mjs", import.meta.url).href],
      env,
    });
    const ended = once(host, "exit").then(([code]) => {
      throw new Error(`the process of the newest libraries did not start (${code}): see above`);
    });
    await Promise.race([once(host, "message"), ended]);
    ended.catch(() => undefined); // It ends when it is stopped.
    return new NewestClients(host);
  }

  /** Its requests are recorded in `wire`. */
  client(library: NewestLibrary, options: HostedOptions, wire: Wire): ChatClient {
    const client = this.#next();
    const seen: Exchange[] = [];
    this.#wires.set(client, (index, exchange) => {
      const known = seen[index];
      if (known) {
        Object.assign(known, exchange);
        return;
      }
      seen[index] = exchange;
      wire.exchanges.push(exchange);
    });
    this.#order({ kind: "create", client, library, options });

    const ask = async (way: "stream" | "whole", question: Question, reader: Reader = {}) => {
      const call = this.#next();
      const answer = this.#answerTo({ kind: "ask", client, call, way, question }, reader.onText);
      const abort = () => this.#order({ kind: "abort", call });
      if (reader.signal?.aborted) abort();
      reader.signal?.addEventListener("abort", abort, { once: true });
      // The host gives an answer for every question.
      return (await answer) as Answered;
    };
    return {
      stream: (question, reader) => ask("stream", question, reader),
      whole: (question) => ask("whole", question),
      models: async () =>
        // The host gives names for this.
        (await this.#answerTo({ kind: "models", client, call: this.#next() })) as string[],
      refusalOf(error) {
        if (error instanceof HostedError && error.refusal) return withAllFields(error.refusal);
        throw error;
      },
      close: () => this.#wires.delete(client),
    };
  }

  async stop(): Promise<void> {
    if (this.#host.exitCode !== null || this.#host.signalCode !== null) return;
    const ended = once(this.#host, "exit");
    this.#host.kill();
    await ended;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  #order(order: Order): void {
    if (this.#host.connected) this.#host.send(order);
  }

  #answerTo(
    order: Extract<Order, { call: number; client: number }>,
    onText?: Reader["onText"],
  ): Promise<Answered | readonly string[]> {
    if (!this.#host.connected) throw new Error("the process of the newest libraries has ended");
    return new Promise((resolve, reject) => {
      this.#calls.set(order.call, { onText, resolve, reject });
      this.#order(order);
    });
  }

  #hear(news: News): void {
    if (news.kind === "ready") return;
    if (news.kind === "exchange") {
      const exchange = shifted(news.exchange, -CLOCK_SHIFT_MS);
      this.#wires.get(news.client)?.(news.index, exchange);
      return;
    }
    const call = this.#calls.get(news.call);
    if (news.kind === "text") {
      call?.onText?.(news.text);
      return;
    }
    this.#calls.delete(news.call);
    if (news.kind === "answered") call?.resolve(news.value);
    else call?.reject(new HostedError(news));
  }
}

/** JSON drops what is undefined. */
function withAllFields({ status, code, message }: Refusal): Refusal {
  return { status, code, message };
}
