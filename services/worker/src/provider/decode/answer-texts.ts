/**
 * The texts of one answer (text, thinking, refusal), each passed on once however often the provider repeats it.
 *
 * The way of a text: `CumulativeText` takes repeated text off, `InlineThinking` separates thinking between tags,
 * `thought-copies.ts` drops copies of thinking, and `SurrogateJoiner` keeps characters whole.
 */
import type { Fail } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import { type Content, EMPTY } from "./content.ts";
import { CumulativeText } from "./cumulative-text.ts";
import type { DeltaContent } from "./delta-content.ts";
import { InlineThinking } from "./inline-thinking.ts";
import { SurrogateJoiner, TextSoFar } from "./text-so-far.ts";
import { ListedThought, TaggedThought, ThoughtEcho } from "./thought-copies.ts";

const KINDS = ["reasoning", "text", "refusal"] as const;
type Kind = (typeof KINDS)[number];

/** Events, and whether their delta or message had something new, which may still wait for its proof. */
export interface Fresh {
  readonly events: ProviderEvent[];
  readonly isNew: boolean;
}

export class AnswerTexts {
  readonly #fail: Fail;
  readonly #midText: boolean;
  readonly #passed = {
    text: new TextSoFar(),
    reasoning: new TextSoFar(),
    refusal: new TextSoFar(),
  };
  readonly #joiners = mapKinds(() => new SurrogateJoiner());
  readonly #echo = new ThoughtEcho(this.#passed.reasoning);
  readonly #listed = new ListedThought(this.#passed.reasoning);
  readonly #tagged = new TaggedThought();
  readonly #thinking: InlineThinking;
  /** The text as it came, tags included. */
  readonly #raw = new TextSoFar();
  readonly #cumulative: Readonly<Record<"text" | "field" | "list", CumulativeText>>;

  /** @param midText the answer continues a text */
  constructor({ fail, midText }: { readonly fail: Fail; readonly midText: boolean }) {
    this.#fail = fail;
    this.#midText = midText;
    this.#thinking = new InlineThinking({ midText });
    this.#cumulative = {
      text: new CumulativeText(fail),
      field: new CumulativeText(fail),
      list: new CumulativeText(fail),
    };
  }

  /** Text that a user is to read, or a refusal. */
  get hasText(): boolean {
    return this.#passed.text.any || this.#passed.refusal.any;
  }

  get hasThinking(): boolean {
    return this.#passed.reasoning.any;
  }

  get raw(): string {
    return this.#raw.text;
  }

  addDelta(delta: DeltaContent): Fresh {
    const { text } = delta;
    let thought = this.#thoughtOf(delta);
    // Held thinking came before this text.
    if (text !== "" && delta.reasoning === "") thought += this.#heldThought();
    const events = this.#passThought(thought);
    const fresh = this.#cumulative.text.push(text);
    events.push(...this.#passRaw(fresh), ...this.#pass({ ...EMPTY, refusal: delta.refusal }));
    const isHeld = text !== "" && this.#cumulative.text.isHolding;
    return { events, isNew: events.length > 0 || fresh !== "" || isHeld };
  }

  /**
   * Adds a whole message: all of the answer, or a repetition of what came before. Some providers send one with each
   * delta, so it may end in the middle of thinking.
   *
   * @throws ProviderError for a message that contradicts its deltas
   */
  addWhole(whole: Content): Fresh {
    const events = this.#passThought(this.#heldThought(whole.reasoning));
    events.push(...this.#passRaw(this.#heldText(whole.text)));
    const rest = this.#raw.restOf(whole.text);
    const added = rest === undefined ? this.#addRewritten(whole) : this.#addRest(whole, rest);
    return { events: [...events, ...added.events], isNew: added.isNew };
  }

  /** The answer is over: what was held back is text or thinking like any other. */
  flush(): ProviderEvent[] {
    const events = [...this.#passThought(this.#heldThought()), ...this.#passRaw(this.#heldText())];
    const { text, reasoning } = this.#thinking.flush();
    const own = this.#echo.freshOf(reasoning, false);
    return [...events, ...this.#pass({ ...EMPTY, text, reasoning: own })];
  }

  /** Returns half characters, whose other half never came. */
  end(): ProviderEvent[] {
    return KINDS.flatMap((kind) => eventOf(kind, this.#joiners[kind].flush()));
  }

  /** The message continues the text as it came. @param text the new part, may be empty */
  #addRest({ reasoning, refusal }: Content, text: string): Fresh {
    const thought = this.#restOf("reasoning", reasoning);
    const refused = this.#restOf("refusal", refusal);
    const events = [
      ...this.#passThought(thought),
      ...this.#passRaw(text),
      ...this.#pass({ ...EMPTY, refusal: refused }),
    ];
    return { events, isNew: thought + text + refused !== "" };
  }

  /** The message has the text in another form than the deltas, such as without its thinking. Compares each kind. */
  #addRewritten(message: Content): Fresh {
    const held = this.flush();
    const whole = this.#splitWhole(message);
    const rest = mapKinds((kind) => this.#restOf(kind, whole[kind]));
    this.#raw.add(rest.text);
    const isNew = KINDS.some((kind) => rest[kind] !== "");
    return { events: [...held, ...this.#pass(rest)], isNew };
  }

  #splitWhole(message: Content): Content {
    const thinking = new InlineThinking({ midText: this.#midText });
    const fromFields = new TextSoFar();
    fromFields.add(message.reasoning);
    const echo = new ThoughtEcho(fromFields);
    const [begun, rest] = [thinking.push(message.text), thinking.flush()];
    const reasoning = message.reasoning + echo.freshOf(begun.reasoning + rest.reasoning, false);
    return { ...message, text: begun.text + rest.text, reasoning };
  }

  #restOf(kind: Kind, whole: string): string {
    const rest = this.#passed[kind].restOf(whole);
    if (rest !== undefined) return rest;
    // A continuation comes without the text that it continues; its repetition may come with that text.
    if (this.#midText && this.#passed[kind].isEndOf(whole)) return "";
    // The user has one of the two texts, and nothing tells which one is the answer.
    throw this.#fail("provider_malformed", "a whole message that differs from its deltas");
  }

  /** The new thinking of a field or a list. */
  #thoughtOf({ reasoning, isListed }: DeltaContent): string {
    const { field, list } = this.#cumulative;
    if (isListed) return this.#withoutTagged(this.#listed.freshOf(list.push(reasoning)));
    const fresh = field.push(reasoning);
    this.#listed.note(fresh);
    return this.#withoutTagged(fresh);
  }

  /** @param whole all of the thinking, if that is known */
  #heldThought(whole = ""): string {
    const { field, list } = this.#cumulative;
    const fresh = field.settle(whole) || field.flush();
    this.#listed.note(fresh);
    const listed = this.#listed.freshOf(list.settle(whole) || list.flush());
    return this.#withoutTagged(fresh + listed);
  }

  #heldText(whole = ""): string {
    const { text } = this.#cumulative;
    return text.settle(whole) || text.flush();
  }

  #withoutTagged(thought: string): string {
    return this.#thinking.isOpen ? thought : this.#tagged.freshOf(thought);
  }

  #passThought(reasoning: string): ProviderEvent[] {
    if (reasoning === "") return [];
    this.#thinking.noteField();
    this.#echo.note(reasoning);
    return this.#pass({ ...EMPTY, reasoning });
  }

  /** Passes text on that may hold thinking between tags. */
  #passRaw(content: string): ProviderEvent[] {
    if (content === "") return [];
    this.#raw.add(content);
    const { text, reasoning } = this.#thinking.push(content);
    const own = this.#echo.freshOf(reasoning, this.#thinking.isOpen);
    this.#tagged.note(own);
    return this.#pass({ ...EMPTY, text, reasoning: own });
  }

  #pass(content: Content): ProviderEvent[] {
    const events: ProviderEvent[] = [];
    for (const kind of KINDS) {
      if (content[kind] === "") continue;
      this.#passed[kind].add(content[kind]);
      events.push(...eventOf(kind, this.#joiners[kind].push(content[kind])));
    }
    return events;
  }
}

function mapKinds<Value>(make: (kind: Kind) => Value): Record<Kind, Value> {
  return { reasoning: make("reasoning"), text: make("text"), refusal: make("refusal") };
}

function eventOf(kind: Kind, text: string): ProviderEvent[] {
  if (text === "") return [];
  if (kind === "refusal") return [{ type: "text", text, isRefusal: true }];
  return [{ type: kind, text }];
}
