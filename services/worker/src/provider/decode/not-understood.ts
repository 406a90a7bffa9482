import { jsonType } from "../contract/json.ts";
import type { Fail, ProviderError } from "../contract/provider-error.ts";

/**
 * Makes the error for a field that carries the answer and has a form that nobody knows.
 *
 * To pass over it could lose a part of the answer, so the attempt fails. The field is named in our own
 * words and the value by its type alone: both go into the log and to the user.
 */
export function notUnderstood(fail: Fail, field: string, value: unknown): ProviderError {
  return fail("provider_malformed", `${field} is of type ${jsonType(value)}`);
}
