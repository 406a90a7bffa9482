import type { ProviderConfig } from "@openclaw/config";
import { ProviderError } from "./contract/provider-error.ts";
import type { ChatRequest, ProviderEvent } from "./contract/provider-event.ts";
import { policyOf } from "./health/failure-policy.ts";

const QUESTION: ChatRequest = {
  messages: [{ role: "user", content: "Hi" }],
  options: { maxTokens: 16 },
};

/** What of a provider's client is needed to ask. */
export interface Askable {
  readonly config: Pick<ProviderConfig, "timeouts">;
  stream(
    request: ChatRequest,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<ProviderEvent>;
}

/**
 * Asks a provider for a few tokens, to see whether it answers again. A list of models is no proof: some services send
 * theirs at once although they have answered no request for minutes.
 *
 * @throws ProviderError if the provider fails, or does not answer within `firstTokenMs`
 */
export async function askPlainQuestion(client: Askable): Promise<void> {
  const signal = AbortSignal.timeout(client.config.timeouts.firstTokenMs);
  try {
    for await (const { type } of client.stream(QUESTION, { signal }))
      if (type !== "headers") return;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    // The model may have spent all of so few tokens on hidden thinking.
    if (error.code === "provider_empty") return;
    const { counts, askMostMs } = policyOf(error.code);
    // A refusal of this one question, or of too many questions, is an answer all the same.
    if (counts || askMostMs !== undefined) throw error;
  }
}
