/**
 * What providers do differently without doing anything wrong: fields of a directive that change how
 * an answer looks, and not what it says. Each takes any profile to where only one provider goes.
 */
import { z } from "zod";
import { ENCODINGS } from "../encoder.ts";
import { count, milliseconds } from "../faults/fault-fields.ts";

const yes = z.literal(true).optional();

export const quirkShape = {
  /** How `finish_reason` looks in chunks that are not the last; with `each` they have that of the last. */
  finishKey: z.enum(["absent", "null", "empty", "each"]).optional(),
  /** Usage in the last chunk, in its choice, cumulative in every chunk, or in one of its own without choices. */
  usageIn: z.enum(["finish", "choice", "each", "own"]).optional(),
  /** Chunks behind so many have another id. */
  newIdAfter: count.optional(),
  /** Chunks have neither id, `object`, `created` nor `model`. */
  bare: yes,
  /** Chunks have fields that only some provider knows: `note`, `search_info`, `stop_reason`, … */
  extras: yes,
  /**
   * Where reasoning goes: `both` is two fields at once, and `parts` is a list in `content`. `think` is between tags in
   * the text, each tag in two pieces.
   */
  reasoningAs: z.enum(["reasoning_content", "reasoning", "both", "parts", "think"]).optional(),
  /** What text is: a list of parts, or a refusal. */
  contentAs: z.enum(["parts", "refusal"]).optional(),
  /**
   * How calls are streamed: as specified; at index -1, each whole in one chunk; with the last arguments in the chunk
   * of the finish reason. Further ways: each whole and then once more; without arguments; in the older form, for one
   * call alone.
   */
  callsAs: z
    .enum(["indexed", "negative", "withFinish", "repeated", "empty", "function_call"])
    .optional(),
  /** Behind the last chunk, the whole answer once more, as if no stream had been asked for. */
  wholeLast: yes,
  /** Every chunk has an `error` with nothing in it. */
  emptyError: yes,
  /** Compresses the stream, though the client did not ask for it. */
  encoding: z.enum(ENCODINGS).optional(),

  /** One JSON body instead of a stream. */
  whole: yes,
  /** Wire forms that the specification allows and few clients expect; a line of one tab ends an event. */
  framing: z.array(z.enum(["noSpace", "tabLine", "manyLines"])).optional(),
  /** `false` leaves out the line ends behind the last event. */
  lastBlank: z.literal(false).optional(),
  /** Sent as it is behind everything, `[DONE]` included. */
  trailer: z.string().optional(),
  /** Portions have random sizes of at most `chunkBytes` (400 unless given), by this seed. */
  rechunk: z.number().int().optional(),
  /** While nothing is to be sent, a comment line each so often. */
  commentMs: milliseconds.min(1).optional(),

  /** Waits so long before the headers, as in the provider's queue. */
  headersMs: milliseconds.optional(),
  /** Refuses, with a 400 that names it, a field this provider does not document. */
  strict: yes,
  /** Refuses, with a 400 that names it, one of these fields of the request or of a message. */
  unsupported: z.array(z.string()).optional(),
  /** Answers with the request's body. */
  echo: yes,
};

export type QuirkFields = z.infer<z.ZodObject<typeof quirkShape>>;
