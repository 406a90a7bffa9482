/** Runs the newest libraries under a later Node, as `newest-clients.ts` orders. */
import { createAiClient } from "../ai-client.ts";
import type { ChatClient, CreateClient, Refusal } from "../chat-client.ts";
import { createLangChainClient } from "../langchain-client.ts";
import { createOpenAIClient } from "../openai-client.ts";
import { Wire } from "../wire.ts";
import { CLOCK_SHIFT_MS, type NewestLibrary, type News, type Order, shifted } from "./protocol.ts";

const CREATE: Readonly<Record<NewestLibrary, CreateClient>> = {
  openai: createOpenAIClient,
  ai: createAiClient,
  langchain: createLangChainClient,
};

const clients = new Map<number, ChatClient>();
const calls = new Map<number, AbortController>();

function tell(news: News): void {
  process.send?.(news);
}

function create({ client, library, options }: Extract<Order, { kind: "create" }>): void {
  const wire = new Wire((exchange, index) =>
    tell({ kind: "exchange", client, index, exchange: shifted(exchange, CLOCK_SHIFT_MS) }),
  );
  clients.set(client, CREATE[library]({ ...options, fetch: wire.fetch }));
}

async function answer(order: Extract<Order, { kind: "ask" | "models" }>): Promise<void> {
  const { call } = order;
  const client = clients.get(order.client);
  if (client === undefined) throw new Error(`no client ${order.client} was created`);
  const leaving = new AbortController();
  calls.set(call, leaving);
  const onText = (text: string) => tell({ kind: "text", call, text });
  const value =
    order.kind === "models"
      ? client.models?.()
      : order.way === "whole"
        ? client.whole(order.question)
        : client.stream(order.question, { onText, signal: leaving.signal });
  await Promise.resolve(value).then(
    (value = []) => tell({ kind: "answered", call, value }),
    (error: unknown) => tell({ kind: "failed", call, ...told(client, error) }),
  );
  calls.delete(call);
}

function told(client: ChatClient, error: unknown) {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { message, stack, refusal: refusalOf(client, error) };
}

/** Undefined where the library has no error of this kind. */
function refusalOf(client: ChatClient, error: unknown): Refusal | undefined {
  try {
    return client.refusalOf(error);
  } catch {
    return undefined;
  }
}

process.on("message", (order: Order) => {
  if (order.kind === "create") create(order);
  else if (order.kind === "abort") calls.get(order.call)?.abort();
  else void answer(order);
});
process.once("disconnect", () => process.exit());
tell({ kind: "ready" });
