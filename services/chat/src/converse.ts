/** The conversation: questions and answers in turn, each answered with all that was said before. */
import { type ChatMessage, type GatewayClient, GatewayError } from "@openclaw/client";
import type { Keyboard } from "./keyboard.ts";
import type { Screen } from "./screen.ts";
import { showAnswer } from "./show-answer.ts";

export interface ConversationOptions {
  readonly client: GatewayClient;
  readonly screen: Screen;
  readonly keyboard: Keyboard;
  readonly provider: string | undefined;
  /** Leave, whatever is going on. */
  readonly stop: AbortSignal;
}

const HELP = `/provider NAME   who is to answer: a provider, a group, or auto; without NAME: tells who it is
/new             forget what was said and begin anew
/help            this text
Ctrl-C           ends an answer; at the prompt, it leaves (as does Ctrl-D)`;

/** Resolves when the user leaves. */
export async function converse(options: ConversationOptions): Promise<void> {
  const { screen, keyboard, stop } = options;
  const conversation = new Conversation(options);
  screen.note("Ask anything. /help says what else there is; Ctrl-C leaves.");
  while (!stop.aborted) {
    const line = (await keyboard.ask("> ", stop))?.trim();
    if (line === undefined) return;
    // Text of several lines was pasted: its first line may be a path, not a command.
    if (/^\/.*$/.test(line)) conversation.command(line);
    else if (line !== "") await conversation.answer(line);
  }
}

class Conversation {
  readonly #options: ConversationOptions;
  #provider: string | undefined;
  #messages: ChatMessage[] = [];

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#provider = options.provider;
  }

  command(line: string): void {
    const { screen } = this.#options;
    const [command, name] = line.split(/\s+/);
    switch (command) {
      case "/help":
        for (const helpLine of HELP.split("\n")) screen.note(helpLine);
        break;
      case "/new":
        this.#messages = [];
        screen.note("The conversation is forgotten.");
        break;
      case "/provider":
        this.#provider = name ?? this.#provider;
        screen.note(`Questions go to ${this.#provider ?? "the gateway's default provider"}.`);
        break;
      default:
        screen.note(`There is no ${command}; /help says what there is.`);
    }
  }

  async answer(question: string): Promise<void> {
    const { client, screen, keyboard, stop } = this.#options;
    const asked: ChatMessage = { role: "user", content: question };
    const provider = this.#provider;
    const run = client.run([...this.#messages, asked], {
      signal: stop,
      ...(provider !== undefined && { provider }),
    });
    const unwatch = keyboard.watch(() => run.cancel());
    try {
      const { text } = await showAnswer(run, screen);
      // A question without an answer is not part of the conversation: asked again, it would stand there twice.
      this.#messages.push(asked, { role: "assistant", content: text });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      screen.note(whyNot(error));
    } finally {
      unwatch();
    }
  }
}

function whyNot({ code, message }: GatewayError): string {
  if (code === "cancelled") return "(cancelled)";
  if (code === "message_too_long") return `${message} /new begins a new conversation.`;
  return `error: ${message} (${code})`;
}
