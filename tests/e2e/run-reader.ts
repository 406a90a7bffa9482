import { type RunEvent, runEventSchema } from "@openclaw/protocol";
import { comparePositions, parseEntryId } from "@openclaw/stream";
import { eventsOf } from "./sse.ts";

const TERMINALS: readonly string[] = ["done", "error", "cancelled"];
/** What is no entry of the log. */
const UNNUMBERED: readonly string[] = ["queued", "restart"];

export interface ReadOptions {
  /** Leaves once this is so. */
  readonly until?: () => boolean;
  /** Is handed every response before it is read. */
  readonly onResponse?: (response: Response) => void;
}

/**
 * A strict reader of a run's events, which may break off and come back behind the last id. Every event must fit the
 * schema, and every id must be its position. No position may come twice or out of order.
 */
export class RunReader {
  readonly #url: string;
  readonly events: RunEvent[] = [];
  text = "";
  lastId: string | undefined;

  constructor(url: string, lastId?: string) {
    this.#url = url;
    this.lastId = lastId;
  }

  get terminal(): RunEvent | undefined {
    return this.events.find(({ type }) => TERMINALS.includes(type));
  }

  count(type: RunEvent["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Reads until the stream ends, however it does, or until it is enough. Answers the status. */
  async read({ until = () => false, onResponse }: ReadOptions = {}): Promise<number> {
    const headers = new Headers(this.lastId === undefined ? [] : [["last-event-id", this.lastId]]);
    const response = await fetch(this.#url, { headers });
    onResponse?.(response);
    if (response.status !== 200) return response.status;
    for await (const { id, event, data } of eventsOf(response)) {
      this.#take(runEventSchema.parse(JSON.parse(data)) as RunEvent, { id, event });
      if (until()) break;
    }
    return response.status;
  }

  #take(event: RunEvent, sent: { id: string | undefined; event: string | undefined }): void {
    if (sent.event !== event.type) throw new Error(`${sent.event} has the data of ${event.type}`);
    if (this.terminal) throw new Error(`${event.type} behind the end`);
    this.events.push(event);
    if (UNNUMBERED.includes(event.type) !== (sent.id === undefined)) {
      throw new Error(`${event.type} has the id ${sent.id}`);
    }
    if (sent.id !== undefined) this.#move(sent.id);
    if (event.type === "restart") this.text = "";
    if (event.type === "delta") this.text += event.text;
    const seq = event.type === "started" ? 0 : "seq" in event ? event.seq : undefined;
    if (seq !== undefined && "epoch" in event && sent.id !== `${event.epoch}-${seq}`) {
      throw new Error(`${event.type} ${event.epoch}-${seq} has the id ${sent.id}`);
    }
  }

  #move(id: string): void {
    const before = parseEntryId(this.lastId ?? "0-0");
    if (comparePositions(before, parseEntryId(id)) >= 0) {
      throw new Error(`${id} comes behind ${this.lastId}`);
    }
    this.lastId = id;
  }
}
