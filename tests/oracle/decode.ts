/** Our own decoder, from the bytes of a body to what a client gets, without a network. */
import type { ErrorCode } from "@openclaw/protocol";
import { ProviderError } from "../../services/worker/src/provider/contract/provider-error.ts";
import type { ProviderEvent } from "../../services/worker/src/provider/contract/provider-event.ts";
import { AnswerReader } from "../../services/worker/src/provider/decode/answer-reader.ts";
import { receiveAnswer } from "../../services/worker/src/provider/decode/receive-answer.ts";
import { dialectOf } from "../../services/worker/src/provider/dialects/dialect-of.ts";
import {
  DecodedBody,
  encodingsOf,
} from "../../services/worker/src/provider/transport/content-encoding.ts";
import type { Right } from "./right-answer.ts";
import type { Body } from "./write-bytes.ts";

export interface DecodeOptions {
  readonly mayCall: boolean;
  readonly finishesWithDone: boolean;
}

export type Decode = typeof decode;

const MADE_UP = /^call_[0-9a-f]{32}$/;
/** No stream is that slow: no test may wait for it. */
const END_MS = 60_000;

export async function decode(written: Body, options: DecodeOptions): Promise<Right> {
  const fail = (code: ErrorCode, detail?: string) =>
    new ProviderError(code, { provider: "p", detail });
  const reader = new AnswerReader({ dialect: dialectOf("openai"), fail, ...options });
  const events: ProviderEvent[] = [];
  try {
    const body = new DecodedBody(networkOf(written), encodingsOf(written.encoding), fail);
    const receiving = {
      body,
      endMs: END_MS,
      unsureMs: END_MS,
      goneOnMs: END_MS,
      close: noop,
      onReceived: noop,
      broken: () => fail("provider_cut"),
    };
    for await (const event of receiveAnswer(reader, receiving)) events.push(event);
    body.close();
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { code: error.code };
  }
  return answerOf(events);
}

async function* networkOf({ pieces, breaks }: Body): AsyncGenerator<Uint8Array> {
  yield* pieces;
  if (breaks) throw new Error("the connection broke");
}

function answerOf(events: readonly ProviderEvent[]): Right {
  const said = { text: "", reasoning: "", refusal: "" };
  const calls: [id: string, name: string, given: string][] = [];
  for (const event of events) {
    if (event.type === "reasoning") said.reasoning += sent(event.text);
    else if (event.type === "text") said[event.isRefusal ? "refusal" : "text"] += sent(event.text);
    else if (event.type === "tool_call") {
      const [id, name, given] = calls[event.index] ?? ["", "", ""];
      calls[event.index] = [
        id + providersOwn(event.id),
        name + (event.name ?? ""),
        given + sent(event.arguments),
      ];
    }
  }
  const last = events.at(-1);
  if (last?.type !== "finished") throw new Error("the decoder gave no last event");
  return { ...said, calls, finish: last.finish, usage: last.usage };
}

/** An id, but for those that the decoder makes up. */
function providersOwn(id = ""): string {
  return MADE_UP.test(id) ? "" : id;
}

/** A piece as it reaches a client: half a character arrives as a replacement character. */
function sent(text: string): string {
  return Buffer.from(text).toString();
}

function noop(): void {
  // There is no connection to count.
}
