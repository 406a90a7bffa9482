/** Every way to ask a cluster, from a chat completion to the SDK, as one function. */
import { GatewayClient } from "@openclaw/client";
import { apiErrorSchema, type V2Down } from "@openclaw/protocol";
import { type Cluster, eventually, V2Client } from "@openclaw/testing";
import { WebSocket } from "ws";

export type Body = Readonly<Record<string, unknown>>;

/** What a request failed with; over a WebSocket there is no `param`. */
export interface Refused {
  readonly message: string;
  readonly param?: string | null;
}

type Send = (provider: string, prompt: string, fields: Body) => Promise<Refused | undefined>;

export const DOORS = [
  "a chat completion",
  "a stream",
  "a run over HTTP",
  "the options of a run",
  "protocol v2",
  "the SDK",
] as const;
export type Door = (typeof DOORS)[number];

export class Doors {
  readonly #host: string;
  readonly #v2: V2Client;
  readonly #sdk: GatewayClient;
  #refs = 0;

  private constructor(host: string, v2: V2Client) {
    this.#host = host;
    this.#v2 = v2;
    this.#sdk = new GatewayClient({ url: `ws://${host}`, WebSocket });
  }

  static async of(cluster: Cluster): Promise<Doors> {
    return new Doors(cluster.host, await V2Client.connect(cluster.url("doors")));
  }

  close(): void {
    this.#v2.close();
    this.#sdk.close();
  }

  /** Asks through a door with these fields, and resolves once that is over. */
  ask(door: Door, ...asked: Parameters<Send>): ReturnType<Send> {
    return this.#send[door](...asked);
  }

  readonly #send: Readonly<Record<Door, Send>> = {
    "a chat completion": (model, content, fields) =>
      this.chat({ model, messages: [{ role: "user", content }], ...fields }),
    "a stream": (model, content, fields) =>
      this.chat({ model, messages: [{ role: "user", content }], stream: true, ...fields }),
    "a run over HTTP": (provider, message, fields) => this.run({ provider, message, ...fields }),
    "the options of a run": (provider, message, options) =>
      this.run({ provider, message, options }),
    "protocol v2": (...asked) => this.#overSocket(...asked),
    "the SDK": (provider, prompt, options) =>
      this.#sdk.run(prompt, { provider, options }).result.then(
        () => undefined,
        (error) => ({ message: String(error.message) }),
      ),
  };

  /** A chat completion, streamed or whole. */
  async chat(body: Body): Promise<Refused | undefined> {
    const response = await this.#post("/v1/chat/completions", body);
    const text = await response.text();
    // Within a stream a failure is an event.
    const failed = response.ok ? /^data: (\{"error".*)$/m.exec(text)?.[1] : text;
    return failed === undefined ? undefined : apiErrorSchema.parse(JSON.parse(failed)).error;
  }

  /** A run over HTTP, followed to its end. */
  async run(body: Body): Promise<Refused | undefined> {
    const response = await this.#post("/v1/runs", body);
    const answer = JSON.parse(await response.text());
    if (response.status !== 202) return apiErrorSchema.parse(answer).error;
    const { error } = await eventually("the run's end", async () => {
      const report = await fetch(`http://${this.#host}/v1/runs/${answer.id}`);
      const { state, error } = JSON.parse(await report.text());
      return state === "completed" || state === "failed" ? { error } : undefined;
    });
    return error;
  }

  #post(path: string, body: Body): Promise<Response> {
    return fetch(`http://${this.#host}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  async #overSocket(provider: string, message: string, options: Body) {
    this.#refs += 1;
    const ref = `asked-${this.#refs}`;
    this.#v2.send({ type: "run", ref, provider, message, options });
    const answer = await this.#frame((frame) => "ref" in frame && frame.ref === ref);
    if (answer.type !== "accepted") return asRefused(answer);
    return asRefused(await this.#frame((frame) => isEnd(frame) && frame.run === answer.run));
  }

  #frame(matches: (frame: V2Down) => boolean): Promise<V2Down> {
    return eventually("a frame", () => this.#v2.frames.find(matches));
  }
}

function isEnd(frame: V2Down) {
  return frame.type === "done" || frame.type === "error" || frame.type === "cancelled";
}

function asRefused(frame: V2Down): Refused | undefined {
  return frame.type === "error" ? frame : undefined;
}
