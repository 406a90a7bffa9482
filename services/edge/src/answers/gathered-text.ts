import type { LoggedEntry, StartedEntry, ToolCallEntry } from "@openclaw/stream";

/** A call that an answer makes to one of the client's tools. */
export interface GatheredCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/**
 * Puts the pieces of a run together. Of several attempts, it keeps the text of the last. The bound is the longest
 * log.
 */
export class GatheredText {
  provider: string | undefined;
  model: string | undefined;
  attempts = 0;
  text = "";
  reasoning = "";
  refusal = "";
  #calls = new Map<number, GatheredCall>();

  /** The calls in the order of their indexes. */
  get calls(): GatheredCall[] {
    return [...this.#calls].toSorted(([a], [b]) => a - b).map(([, call]) => call);
  }

  add(entry: LoggedEntry): void {
    switch (entry.type) {
      case "started":
        this.#begin(entry);
        break;
      case "text":
        this[entry.isRefusal ? "refusal" : "text"] += entry.text;
        break;
      case "reasoning":
        this.reasoning += entry.text;
        break;
      case "tool_call":
        this.#addCall(entry);
        break;
    }
  }

  #begin({ provider, model }: StartedEntry): void {
    this.provider = provider;
    this.model = model;
    this.attempts += 1;
    this.text = "";
    this.reasoning = "";
    this.refusal = "";
    this.#calls = new Map();
  }

  #addCall({ index, id, name, arguments: given }: ToolCallEntry): void {
    const known = this.#calls.get(index);
    this.#calls.set(index, {
      id: known?.id ?? id ?? "",
      name: known?.name ?? name ?? "",
      arguments: (known?.arguments ?? "") + given,
    });
  }
}
