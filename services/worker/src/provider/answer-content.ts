/**
 * What one answer says: text, thinking, a refusal and calls, put together from deltas and whole
 * messages, each told once.
 */
import { NOTHING, readContent, readThought, type Said } from "./content.ts";
import { InlineThinking } from "./inline-thinking.ts";
import { isObject, type JsonObject } from "./json.ts";
import { ListedThought } from "./listed-thought.ts";
import { notUnderstood } from "./not-understood.ts";
import type { Fail } from "./provider-error.ts";
import type { ProviderEvent } from "./provider-event.ts";
import { SurrogateJoiner } from "./surrogate-joiner.ts";
import { ThoughtEcho } from "./thought-echo.ts";
import { ToolCalls } from "./tool-calls.ts";
import { SaidText } from "./whole-text.ts";

/** Where thinking stands. Some servers fill two of them with the same. */
const THOUGHT_FIELDS = ["reasoning_content", "reasoning", "thinking"];
/** The same in parts: beside one of the former, in its place, or behind it. */
const THOUGHT_LISTS = ["reasoning_details", "thinking_blocks"];

const BESIDE_CONTENT = ["refusal", ...THOUGHT_FIELDS, ...THOUGHT_LISTS];

const KINDS = ["reasoning", "text", "refusal"] as const;
type Kind = (typeof KINDS)[number];

export interface AnswerContentOptions {
  readonly fail: Fail;
  readonly mayBeEmpty?: boolean;
  readonly mayCall?: boolean;
}

interface DeltaSaid extends Said {
  /** Its thinking stands in a list alone. */
  readonly isListed?: boolean;
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
  #hasDeltas = false;
  #isInMessages = false;
  #pieces = 0;

  constructor({ fail, mayBeEmpty = false, mayCall = false }: AnswerContentOptions) {
    this.#fail = fail;
    this.#mayCall = mayCall;
    this.#midText = mayBeEmpty;
    this.calls = new ToolCalls(fail);
    this.#thinking = new InlineThinking({ midText: mayBeEmpty });
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
    if (!delta && !message) return this.#delta({ ...besideOf(choice), content: choice.text });
    const events = delta ? this.#delta({ ...besideOf(choice), ...delta }) : [];
    if (!message) return events;
    if (this.#isPiece(choice, object)) return this.#delta(message);
    return [...events, ...this.#message(message)];
  }

  /** A few write `message` where they mean `delta`, and some of these do not say what they send. */
  #isPiece({ finish_reason }: JsonObject, object: unknown): boolean {
    if (this.#hasDeltas || object === "chat.completion") return false;
    this.#isInMessages ||= object === "chat.completion.chunk" || !finish_reason;
    return this.#isInMessages;
  }

  /** Nothing follows: what waited to be understood is what it seems to be. */
  flush(): ProviderEvent[] {
    const { text, reasoning } = this.#thinking.flush();
    return this.#pass({ ...NOTHING, text, reasoning: this.#echo.heard(reasoning, false) });
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
    const thought = this.#thoughtOf(said);
    const events = thought === "" ? [] : this.#passThought(thought);
    const inline = this.#thinking.push(said.text);
    const reasoning = this.#echo.heard(inline.reasoning, this.#thinking.isOpen);
    events.push(...this.#pass({ text: inline.text, reasoning, refusal: said.refusal }));
    if (this.#mayCall) events.push(...this.calls.push(delta));
    // What still waits was said as well.
    if (events.length > 0 || said.text !== "" || thought !== "") this.#pieces += 1;
    return events;
  }

  /** A whole message: all of the answer, or once more what deltas have said before. */
  #message(message: JsonObject): ProviderEvent[] {
    const waited = this.flush();
    const whole = this.#wholeOf(message);
    const rest = mapKinds((kind) => this.#restOf(kind, whole[kind]));
    const calls = this.#mayCall ? this.calls.pushWhole(message) : [];
    const isNew = KINDS.some((kind) => rest[kind] !== "") || calls.length > 0;
    if (isNew) this.#pieces += 1;
    return [...waited, ...this.#pass(rest), ...calls];
  }

  #wholeOf(message: JsonObject): Said {
    const said = readSaid(message, this.#fail);
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

  #thoughtOf({ reasoning, isListed }: DeltaSaid): string {
    if (isListed) return this.#listed.heard(reasoning);
    this.#listed.told(reasoning);
    return reasoning;
  }

  #passThought(reasoning: string): ProviderEvent[] {
    this.#echo.told(reasoning);
    return this.#pass({ ...NOTHING, reasoning });
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

/** What stands in the choice, where the delta has its place. */
function besideOf({ tool_calls }: JsonObject): JsonObject {
  return tool_calls === undefined ? {} : { tool_calls };
}

/** What a delta or a message says in so many words; tags in its text are text here. */
function readSaid(delta: JsonObject, fail: Fail): DeltaSaid {
  const content = readContent(delta.content, "content", fail);
  // Nearly every chunk.
  if (BESIDE_CONTENT.every((name) => delta[name] === undefined)) return content;
  const refusal = delta.refusal === false ? undefined : delta.refusal;
  const refused = readContent(refusal, "refusal", fail);
  const fields = THOUGHT_FIELDS.map((name) => readThought(thoughtIn(delta, name), name, fail));
  const thoughts = once([...fields, content.reasoning]);
  const isListed = thoughts === "";
  return {
    text: content.text,
    reasoning: isListed ? readLists(delta, fail) : thoughts,
    isListed,
    refusal: once([refused.refusal + refused.text, content.refusal]),
  };
}

/** Some have a switch of this name instead. */
function thoughtIn(delta: JsonObject, name: string): unknown {
  return typeof delta[name] === "boolean" ? undefined : delta[name];
}

function readLists(delta: JsonObject, fail: Fail): string {
  return once(
    THOUGHT_LISTS.map((name) => (delta[name] ? readThought(delta[name], name, fail) : "")),
  );
}

/** Texts that say the same, or the beginning of it, as one. */
function once(texts: readonly string[]): string {
  const some = texts.filter((text) => text !== "");
  if (some.length < 2) return some[0] ?? "";
  return some
    .filter((text, at) => {
      const others = some.filter((other, place) => place !== at && other.startsWith(text));
      return others.every((other) => other === text && some.indexOf(text) === at);
    })
    .join("");
}

function mapKinds<Value>(make: (kind: Kind) => Value): Record<Kind, Value> {
  return { reasoning: make("reasoning"), text: make("text"), refusal: make("refusal") };
}

function eventOf(kind: Kind, text: string): ProviderEvent[] {
  if (text === "") return [];
  if (kind === "refusal") return [{ type: "text", text, isRefusal: true }];
  return [{ type: kind, text }];
}
