/**
 * Checks arguments in the call that gives them. A mistake that shows later, when a connection is ready, would end the
 * process or other runs.
 *
 * `null` is the same as not given. No sentence quotes a value that may be secret, such as an address or a prompt.
 */
import { GatewayError } from "./gateway-error.ts";
import { type ChatMessage, isSessionId, type RunOptions } from "./wire.ts";

type Given<Value> = Value | null | undefined;

/** What a run asks, as it was at that moment and as JSON has it: sent again, it is the same. */
export interface Question {
  readonly prompt: string | ChatMessage[];
  readonly provider?: string | null;
  readonly options?: RunOptions | null;
}

/** @throws TypeError for what is no object, a list among them */
export function checkedObject<Value extends object>(what: string, given: Given<Value>): Value {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given;
  throw new TypeError(`${what} must be an object.`);
}

/**
 * @param ms `Infinity` is never
 * @throws TypeError
 */
export function checkedMs(name: string, ms: Given<number>, fallback: number): number {
  const checked = ms ?? fallback;
  if (typeof checked === "number" && checked > 0) return checked;
  const told = typeof ms === "number" ? ms : `a ${typeof ms}`;
  throw new TypeError(
    `${name} must be a number of milliseconds above 0, or Infinity, not ${told}.`,
  );
}

/** @throws TypeError for what is no text; GatewayError `invalid_session` for a text that is no session id */
export function checkedSession(given: Given<string>, fallback: string): string {
  const session = given ?? fallback;
  if (typeof session !== "string") throw new TypeError("session must be a string.");
  if (isSessionId(session)) return session;
  const message = "A session id is 1 to 256 bytes of UTF-8 without control characters.";
  throw new GatewayError("invalid_session", message, { retryable: false });
}

/** @throws TypeError */
export function checkedSignal(signal: Given<AbortSignal>): AbortSignal | undefined {
  if (signal === null || signal === undefined) return undefined;
  if (typeof signal.addEventListener === "function") return signal;
  throw new TypeError("signal must be an AbortSignal.");
}

/**
 * Copies what is asked, and checks the copy.
 *
 * @throws TypeError also for what JSON does not have: it would be sent as nothing
 */
export function checkedQuestion(
  asked: {
    readonly [name in keyof Question]: unknown;
  },
): Question {
  const copy = JSON.parse(JSON.stringify(asked, refuseUnsent)) as typeof asked;
  const { prompt, provider, options } = copy;
  if (typeof prompt !== "string" && !Array.isArray(prompt)) {
    throw new TypeError("The prompt must be a string or a list of messages.");
  }
  for (const [at, message] of typeof prompt === "string" ? [] : prompt.entries()) {
    if (typeof message?.role === "string" && typeof message.content === "string") continue;
    throw new TypeError(`The message ${at} must have \`role\` and \`content\`, both strings.`);
  }
  if (typeof (provider ?? "") !== "string") throw new TypeError("provider must be a string.");
  if (options !== undefined && options !== null) checkedObject("options", options);
  // All of it has just been looked at.
  return copy as Question;
}

function refuseUnsent(name: string, value: unknown): unknown {
  const isNumber = typeof value === "number";
  if (isNumber ? Number.isFinite(value) : !/^(bigint|function|symbol)$/.test(typeof value)) {
    return value;
  }
  const told = isNumber ? value : `a ${typeof value}`;
  throw new TypeError(`\`${name}\` cannot be sent: it is ${told}.`);
}
