/**
 * What one answer says: text, thinking, a refusal and calls, put together from deltas and whole
 * messages, each told once.
 */

import { isObject, type JsonObject } from "../contract/json.ts";
import type { Fail } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { NOTHING, type Said } from "./content.ts";
import { CumulativeText } from "./cumulative-text.ts";
import { type DeltaSaid, readSaid } from "./delta-content.ts";
import { InlineThinking } from "./inline-thinking.ts";
import { ListedThought } from "./listed-thought.ts";
import { notUnderstood } from "./not-understood.ts";
import { SurrogateJoiner } from "./surrogate-joiner.ts";
import { TaggedThought, ThoughtEcho } from "./thought-copies.ts";
import { ToolCalls } from "./tool-calls.ts";
import { CopiedText, SaidText } from "./text-so-far.ts";

const KINDS = ["reasoning", "text", "refusal"] as const;
type Kind = (typeof KINDS)[number];

export interface AnswerContentOptions {
  readonly fail: Fail;
  readonly mayBeEmpty?: boolean;
  readonly mayCall?: boolean;
}

export class AnswerContent {
  readonly calls: ToolCalls;
  readonly #fail: Fail;
  readonly #mayCall: boolean;
  readonly #midText: boolean;
  readonly #said = { text: new SaidText(), reasoning: new SaidText(), refusal: new SaidText() };
  readonly #joiners = mapKinds(() => new SurrogateJoiner());
  readonly #echo = new ThoughtEcho(this.#said.reasoning);
  readonly #listed = new ListedThought(this.#said.reasoning);
  readonly #thinking: InlineThinking;
  /** Text as it came, tags and all. */
  readonly #raw = new SaidText();
  readonly #growing: Readonly<Record<"text" | "field" | "list", CumulativeText>>;
  readonly #tagged = new TaggedThought();
  readonly #copy = new CopiedText();
  #hasDeltas = false;
  #isInMessages = false;
  #pieces = 0;

  constructor({ fail, mayBeEmpty = false, mayCall = false }: AnswerContentOptions) {
    this.#fail = fail;
    this.#mayCall = mayCall;
    this.#midText = mayBeEmpty;
    this.calls = new ToolCalls(fail);
    this.#thinking = new InlineThinking({ midText: mayBeEmpty });
    this.#growing = {
      text: new CumulativeText(fail),
      field: new CumulativeText(fail),
      list: new CumulativeText(fail),
    };
  }

  /** How many deltas and messages have said something that was new. */
  get pieces(): number {
    return this.#pieces;
  }

  get saidNothing(): boolean {
    return !this.saysText && !this.#said.reasoning.any && !this.calls.any;
  }

  /** Something a user is to read, be it a refusal. */
  get saysText(): boolean {
    return this.#said.text.any || this.#said.refusal.any;
  }

  /**
   * Reads what a choice says.
   *
   * @param object what the event says that it is: one chunk, or a whole completion
   * @throws ProviderError for what is not understood, and for a message that contradicts its deltas
   */
  read(choice: JsonObject, object: unknown): ProviderEvent[] {
    const delta = this.#objectOf(choice, "delta");
    const message = this.#objectOf(choice, "message");
    this.#hasDeltas ||= delta !== undefined;
    // The older completions API has its text right here.
    if (!delta && !message) return this.#delta({ ...besideOf(choice, {}), content: choice.text });
    const events = delta ? this.#delta({ ...delta, ...besideOf(choice, delta) }) : [];
    if (!message) return events;
    if (this.#isPiece(choice, object)) return this.#delta(message);
    events.push(...this.#message(message));
    // Beside a delta it is what was said so far, and a piece that is like it is said once more.
    if (choice.finish_reason && !delta) this.#copy.mayFollow(this.#raw.text);
    return events;
  }

  /** A few write `message` where they mean `delta`, and some of these do not say what they send. */
  #isPiece({ finish_reason }: JsonObject, object: unknown): boolean {
    if (this.#hasDeltas || object === "chat.completion") return false;
    this.#isInMessages ||= object === "chat.completion.chunk" || !finish_reason;
    return this.#isInMessages;
  }

  /** Nothing follows: what waited to be understood is what it seems to be. */
  flush(): ProviderEvent[] {
    const events = [...this.#passThought(this.#heldThought()), ...this.#speak(this.#heldText())];
    const { text, reasoning } = this.#thinking.flush();
    const own = this.#echo.heard(reasoning, false);
    return [...events, ...this.#pass({ ...NOTHING, text, reasoning: own })];
  }

  /** Gives what waited for its other half. @param isWhole the answer was not cut short */
  end({ isWhole }: { readonly isWhole: boolean }): ProviderEvent[] {
    const rest = KINDS.flatMap((kind) => eventOf(kind, this.#joiners[kind].flush()));
    return [...rest, ...(this.#mayCall ? this.calls.end({ isWhole }) : [])];
  }

  #objectOf(choice: JsonObject, name: "delta" | "message"): JsonObject | undefined {
    const value = choice[name];
    if (value === undefined || value === null) return undefined;
    if (!isObject(value)) throw notUnderstood(this.#fail, name, value);
    return value;
  }

  #delta(delta: JsonObject): ProviderEvent[] {
    const said = readSaid(delta, this.#fail);
    const text = this.#copy.without(said.text, this.#fail);
    let thought = this.#thoughtOf(said);
    // What waits was thought before this was said.
    if (text !== "" && said.reasoning === "") thought += this.#heldThought();
    const events = this.#passThought(thought);
    const fresh = this.#growing.text.push(text);
    events.push(...this.#speak(fresh), ...this.#pass({ ...NOTHING, refusal: said.refusal }));
    if (this.#mayCall) events.push(...this.calls.push(delta));
    // What still waits was said as well.
    const isWaiting = text !== "" && this.#growing.text.isHolding;
    if (events.length > 0 || fresh !== "" || isWaiting) this.#pieces += 1;
    return events;
  }

  /**
   * A whole message: all of the answer, or once more what was said before. Some send it with each delta,
   * so that it ends in the middle of thinking.
   */
  #message(message: JsonObject): ProviderEvent[] {
    const said = readSaid(message, this.#fail);
    const events = this.#passThought(this.#heldThought(said.reasoning));
    events.push(...this.#speak(this.#heldText(said.text)));
    const more = this.#raw.restOf(said.text);
    events.push(...(more === undefined ? this.#rewritten(said) : this.#furthered(said, more)));
    const calls = this.#mayCall ? this.calls.pushWhole(message) : [];
    if (calls.length > 0) this.#pieces += 1;
    return [...events, ...calls];
  }

  /** It goes on the way it came, with `text` or with nothing. */
  #furthered({ reasoning, refusal }: Said, text: string): ProviderEvent[] {
    const thought = this.#restOf("reasoning", reasoning);
    const refused = this.#restOf("refusal", refusal);
    if (thought + text + refused !== "") this.#pieces += 1;
    const events = [...this.#passThought(thought), ...this.#speak(text)];
    return [...events, ...this.#pass({ ...NOTHING, refusal: refused })];
  }

  /** It is written in another way than it came, such as without its thinking: the parts are compared. */
  #rewritten(said: Said): ProviderEvent[] {
    const waited = this.flush();
    const whole = this.#wholeOf(said);
    const rest = mapKinds((kind) => this.#restOf(kind, whole[kind]));
    if (KINDS.some((kind) => rest[kind] !== "")) this.#pieces += 1;
    this.#raw.add(rest.text);
    return [...waited, ...this.#pass(rest)];
  }

  #wholeOf(said: Said): Said {
    const thinking = new InlineThinking({ midText: this.#midText });
    const told = new SaidText();
    told.add(said.reasoning);
    const echo = new ThoughtEcho(told);
    const [begun, rest] = [thinking.push(said.text), thinking.flush()];
    const reasoning = said.reasoning + echo.heard(begun.reasoning + rest.reasoning, false);
    return { ...said, text: begun.text + rest.text, reasoning };
  }

  #restOf(kind: Kind, whole: string): string {
    const rest = this.#said[kind].restOf(whole);
    if (rest !== undefined) return rest;
    // A continuation is said without what it continues, and may be repeated with it.
    if (this.#midText && this.#said[kind].isEndOf(whole)) return "";
    // Nobody knows which of the two is the answer, and the user has been shown one of them.
    throw this.#fail("provider_malformed", "a whole message that differs from its deltas");
  }

  /** What is new of the thinking that a field or a list has. */
  #thoughtOf({ reasoning, isListed }: DeltaSaid): string {
    const { field, list } = this.#growing;
    if (isListed) return this.#untagged(this.#listed.heard(list.push(reasoning)));
    const fresh = field.push(reasoning);
    this.#listed.told(fresh);
    return this.#untagged(fresh);
  }

  /** @param whole what is known to be all of it */
  #heldThought(whole = ""): string {
    const { field, list } = this.#growing;
    const fresh = field.settle(whole) || field.flush();
    this.#listed.told(fresh);
    const listed = this.#listed.heard(list.settle(whole) || list.flush());
    return this.#untagged(fresh + listed);
  }

  #heldText(whole = ""): string {
    const { text } = this.#growing;
    return text.settle(whole) || text.flush();
  }

  #untagged(thought: string): string {
    return this.#thinking.isOpen ? thought : this.#tagged.heard(thought);
  }

  #passThought(reasoning: string): ProviderEvent[] {
    if (reasoning === "") return [];
    this.#thinking.elsewhere();
    this.#echo.told(reasoning);
    return this.#pass({ ...NOTHING, reasoning });
  }

  /** Text that may have thinking in it, between tags. */
  #speak(content: string): ProviderEvent[] {
    if (content === "") return [];
    this.#raw.add(content);
    const { text, reasoning } = this.#thinking.push(content);
    const own = this.#echo.heard(reasoning, this.#thinking.isOpen);
    this.#tagged.told(own);
    return this.#pass({ ...NOTHING, text, reasoning: own });
  }

  #pass(said: Said): ProviderEvent[] {
    const events: ProviderEvent[] = [];
    for (const kind of KINDS) {
      if (said[kind] === "") continue;
      this.#said[kind].add(said[kind]);
      events.push(...eventOf(kind, this.#joiners[kind].push(said[kind])));
    }
    return events;
  }
}

/** What stands in the choice itself, where a delta has nothing. */
function besideOf({ text, tool_calls }: JsonObject, { content }: JsonObject): JsonObject {
  const isSilent = content === undefined || content === null || content === "";
  return {
    ...(isSilent && text ? { content: text } : {}),
    ...(tool_calls === undefined ? {} : { tool_calls }),
  };
}

function mapKinds<Value>(make: (kind: Kind) => Value): Record<Kind, Value> {
  return { reasoning: make("reasoning"), text: make("text"), refusal: make("refusal") };
}

function eventOf(kind: Kind, text: string): ProviderEvent[] {
  if (text === "") return [];
  if (kind === "refusal") return [{ type: "text", text, isRefusal: true }];
  return [{ type: kind, text }];
}
