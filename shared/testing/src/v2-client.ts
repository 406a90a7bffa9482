import { type AskedOptions, V2_SUBPROTOCOL, type V2Down, v2DownSchema } from "@openclaw/protocol";
import { WebSocket } from "ws";
import { eventually } from "./eventually.ts";

/** A stopped edge accepts nothing; its share of new connections must go elsewhere. */
const HANDSHAKE_MS = 3_000;

/** What a v2 client knows of one run. */
export interface V2Run {
  readonly id: string;
  /** Text of the current attempt: a `restart` throws away what was shown before. */
  text: string;
  /** The last position received. */
  at: { epoch: number; seq: number };
  restarts: number;
  /** When the last frame of it came, on the monotonic clock. */
  heardAt: number;
  /** Every frame that ended it; must be one. */
  readonly terminals: V2Down[];
}

type Frame<Type extends V2Down["type"]> = Extract<V2Down, { type: Type }>;

/** Redis may be away for as long as an edge repeats itself. */
const ACCEPTED_WITHIN = { withinMs: 15_000 };

/** A run that was refused. */
export class Refused extends Error {
  readonly code: string;

  constructor(ref: string, code: string) {
    super(`${ref} was refused: ${code}`);
    this.name = "Refused";
    this.code = code;
  }
}

/** What the server did wrong. */
export interface V2Fault {
  readonly kind: "not a frame" | "two terminals" | "lost" | "repeated" | "reordered";
  readonly detail: string;
}

/**
 * A strict v2 client: every frame must be one of the schema, and every piece must follow the one
 * before it. Any other order is a fault of the server.
 */
export class V2Client {
  readonly #socket: WebSocket;
  readonly frames: V2Down[] = [];
  readonly runs = new Map<string, V2Run>();
  readonly faults: V2Fault[] = [];
  closed: { code: number; reason: string } | undefined;
  /** Called with every frame. */
  onFrame: (frame: V2Down) => void = () => undefined;
  #refs = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.#receive(String(data)));
    socket.on("error", () => undefined);
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  /** Connects and waits for `ready`. */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<V2Client> {
    const socket = new WebSocket(url, V2_SUBPROTOCOL, { handshakeTimeout: HANDSHAKE_MS, headers });
    const client = new V2Client(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    await client.next("ready");
    return client;
  }

  get session(): string {
    return this.all("ready")[0]?.session ?? "";
  }

  send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Every frame of a type that came so far. */
  all<Type extends V2Down["type"]>(type: Type): Frame<Type>[] {
    return this.frames.filter((frame): frame is Frame<Type> => frame.type === type);
  }

  /** The next frame of a type that comes from now on, or that came already and matches. */
  async next<Type extends V2Down["type"]>(
    type: Type,
    matches: (frame: Frame<Type>) => boolean = () => true,
    withinMs = 10_000,
  ): Promise<Frame<Type>> {
    return this.#unlessClosed(`a ${type} frame`, () => this.all(type).find(matches), { withinMs });
  }

  /** Starts a run and resolves when it is accepted. */
  async run(
    message: string,
    provider?: string,
    more: { readonly options?: AskedOptions; readonly session?: string } = {},
  ): Promise<V2Run> {
    this.#refs += 1;
    const ref = `ref-${this.#refs}`;
    this.send({ type: "run", ref, message, ...(provider !== undefined && { provider }), ...more });
    const named = () => this.frames.find((frame) => "ref" in frame && frame.ref === ref);
    const answer = await this.#unlessClosed(`an answer to ${ref}`, named, ACCEPTED_WITHIN);
    if (answer.type !== "accepted") {
      throw new Refused(ref, answer.type === "error" ? answer.code : answer.type);
    }
    return this.#track(answer.run);
  }

  /** Resumes a run of another connection, behind the last position of that connection. */
  async resume(run: V2Run): Promise<Frame<"resumed">> {
    const answers = () => this.all("resumed").filter((frame) => frame.run === run.id);
    const before = answers().length;
    this.runs.set(run.id, run);
    this.send({ type: "resume", run: run.id, after: run.at });
    return this.#unlessClosed("the resumed frame", () => answers()[before]);
  }

  async end(run: V2Run, withinMs = 30_000): Promise<V2Down> {
    return eventually(`the end of ${run.id}`, () => run.terminals[0], { withinMs });
  }

  close(): void {
    this.#socket.close();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Stops reading from the network, as a busy or sleeping client does. */
  pause(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Waits as `eventually` does. Fails at once where the connection is lost before it came. */
  async #unlessClosed<T>(what: string, get: () => T, options?: { readonly withinMs: number }) {
    return eventually(
      what,
      () => {
        const came = get();
        if (!came && this.closed) throw new Error(`closed with ${this.closed.code} before ${what}`);
        return came;
      },
      options,
    );
  }

  #track(id: string): V2Run {
    const known = this.runs.get(id);
    if (known) return known;
    const run: V2Run = {
      id,
      text: "",
      at: { epoch: 0, seq: 0 },
      restarts: 0,
      heardAt: 0,
      terminals: [],
    };
    this.runs.set(id, run);
    return run;
  }

  #receive(data: string): void {
    const parsed = v2DownSchema.safeParse(JSON.parse(data));
    if (!parsed.success) {
      this.faults.push({ kind: "not a frame", detail: data.slice(0, 200) });
      return;
    }
    const frame = parsed.data;
    this.frames.push(frame);
    this.onFrame(frame);
    if (!("run" in frame) || frame.run === undefined) return;
    const run = this.#track(frame.run);
    run.heardAt = performance.now();
    if (run.terminals.length > 0 && frame.type !== "resumed") {
      const kind = TERMINALS.has(frame.type) ? "two terminals" : "reordered";
      this.faults.push({ kind, detail: `${frame.type} after the end of ${run.id}` });
    }
    this.#apply(frame, run);
  }

  #apply(frame: V2Down, run: V2Run): void {
    switch (frame.type) {
      case "resumed":
        // What follows is read once more, its end included.
        if (frame.outcome !== "not_resumable") run.terminals.length = 0;
        break;
      case "restart":
        run.text = "";
        run.restarts += 1;
        break;
      case "started":
        run.at = { epoch: frame.epoch, seq: 0 };
        break;
      case "delta":
      case "reasoning":
        if (frame.epoch !== run.at.epoch || frame.seq !== run.at.seq + 1) {
          this.faults.push(outOfOrder(frame, run));
        }
        run.at = { epoch: frame.epoch, seq: frame.seq };
        if (frame.type === "delta") run.text += frame.text;
        break;
      case "done":
      case "cancelled":
      case "error":
        run.terminals.push(frame);
        break;
    }
  }
}

const TERMINALS: ReadonlySet<string> = new Set(["done", "error", "cancelled"]);

function outOfOrder(frame: Frame<"delta" | "reasoning">, { id, at }: V2Run): V2Fault {
  const isLater = frame.epoch > at.epoch || (frame.epoch === at.epoch && frame.seq > at.seq);
  const kind = frame.epoch !== at.epoch ? "reordered" : isLater ? "lost" : "repeated";
  return { kind, detail: `(${frame.epoch}, ${frame.seq}) after (${at.epoch}, ${at.seq}) of ${id}` };
}
