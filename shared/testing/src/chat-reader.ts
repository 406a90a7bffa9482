/** A client of the chat completions API that costs little, so that one process can be a thousand. */
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";

/** Connections are kept, as every client library does. */
const keptOpen = new Agent({ keepAlive: true });

export interface ChatQuestion {
  readonly model: string;
  readonly prompt: string;
  readonly apiKey?: string;
  /** Whose connections are used. */
  readonly agent?: Agent;
}

export class ChatReader {
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #askedAt: number;
  #rest = "";
  #text = "";
  #isWhole = false;
  #failure: string | undefined;
  #hasLeft = false;
  #firstTextMs = Number.NaN;

  private constructor(asked: ClientRequest, response: IncomingMessage, askedAt: number) {
    this.#request = asked;
    this.#response = response;
    this.#askedAt = askedAt;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("error", () => undefined);
  }

  /** Asks for a stream. @throws with the body of a refusal */
  static async ask(
    host: string,
    { model, prompt, apiKey, agent = keptOpen }: ChatQuestion,
  ): Promise<ChatReader> {
    const askedAt = performance.now();
    const headers = {
      "content-type": "application/json",
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    };
    const asked = request(`http://${host}/v1/chat/completions`, { method: "POST", agent, headers });
    asked.end(
      JSON.stringify({ model, stream: true, messages: [{ role: "user", content: prompt }] }),
    );
    // The event's own argument.
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    if (response.statusCode === 200) return new ChatReader(asked, response, askedAt);
    const body = await response.toArray();
    throw new Error(`HTTP ${response.statusCode}: ${Buffer.concat(body)}`);
  }

  /** The text so far. */
  get text(): string {
    return this.#text;
  }

  get isOver(): boolean {
    return this.#isWhole || this.#response.readableEnded;
  }

  /** From asking to the first text. */
  get firstTextMs(): number {
    return this.#firstTextMs;
  }

  /** Stops, or goes on, reading from the network. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Goes away in the middle. */
  leave(): void {
    this.#hasLeft = true;
    this.#request.destroy();
  }

  /** Resolves with the end marker. @throws where the stream ends without it, or tells of a failure */
  async whole(): Promise<void> {
    if (!this.#response.readableEnded) await once(this.#response, "close");
    if (this.#failure !== undefined) throw new Error(this.#failure);
    if (!this.#isWhole) throw new Error(`broke off: ${this.#rest}`);
  }

  #take(text: string): void {
    if (this.#hasLeft) return;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "data: [DONE]") this.#isWhole = true;
      else if (line.startsWith("data: ")) this.#read(JSON.parse(line.slice(6)));
    }
  }

  #read(chunk: { choices?: [{ delta: { content?: string } }?]; error?: unknown }): void {
    if (chunk.error) this.#failure ??= JSON.stringify(chunk.error);
    const { content = "" } = chunk.choices?.[0]?.delta ?? {};
    if (content !== "" && this.#text === "") this.#firstTextMs = performance.now() - this.#askedAt;
    this.#text += content;
  }
}
