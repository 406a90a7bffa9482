import type { Refusal } from "../refusals/refusal.ts";
import type { Dialect } from "./dialect.ts";
import { isThoughtless, plainMessage, withoutDefaults } from "./plain-request.ts";

/** Third-party models at the same host have other switches, and refuse this one. */
const THINKING_CAN_BE_DISABLED = /^hy3(?:-|$)/i;

/** Its levels are `low`, `medium` and `high`. */
const ABOVE_HIGH = ["xhigh", "max"];

/** The common error codes of Tencent Cloud, by prefix: the legacy Hunyuan API sent them with status 200. */
const LEGACY_CODES = [
  [/^AuthFailure|^UnauthorizedOperation/, "provider_auth"],
  [/^(?:RequestLimitExceeded|LimitExceeded)/, "provider_rate_limited"],
  [/InArrears|NotExist|Exhausted|InsufficientBalance|StopUsing/i, "provider_quota"],
  [/^OperationDenied/, "content_filtered"],
  [/^(?:InvalidParameter|MissingParameter|UnknownParameter|Unsupported)/, "provider_rejected"],
  [/^ResourceInsufficient|^ResourceUnavailable/, "provider_overloaded"],
] as const;

/** Tencent TokenHub, and the rest of the legacy Hunyuan API that it replaced. */
export const tencent: Dialect = {
  requestFields: ({ model }) => ({
    stream_options: { include_usage: true },
    ...(THINKING_CAN_BE_DISABLED.test(model) && { thinking: { type: "disabled" } }),
  }),
  message: plainMessage,
  limitName: () => "max_tokens",
  // Without it, hy3 forgets its reasoning between two tool calls.
  wantsReasoning: () => true,
  passedFields: ({ user: _, reasoning_effort, ...others }, { model }) => ({
    ...withoutDefaults(others),
    ...effortFields(reasoning_effort, model),
  }),
  codes: {
    "400001": "provider_rejected",
    "400002": "provider_rejected",
    "400004": "provider_rejected",
    "401002": "provider_auth",
    // Used up, or the model is not enabled in the console: both are the account's.
    "401007": "provider_quota",
    "401008": "provider_quota",
    "403004": "provider_quota",
    "403001": "provider_auth",
    "403002": "provider_auth",
    "403005": "provider_auth",
    "429001": "provider_rate_limited",
    "451001": "content_filtered",
    "502001": "provider_error",
  },
  classify: ({ code }: Refusal) => LEGACY_CODES.find(([pattern]) => pattern.test(code))?.[1],
};

/** For models that think only on request, an effort is a request. Other models have levels of their own. */
function effortFields(effort: string | undefined, model: string) {
  if (effort === undefined) return {};
  if (!THINKING_CAN_BE_DISABLED.test(model)) return { reasoning_effort: effort };
  if (isThoughtless(effort)) return { thinking: { type: "disabled" } };
  return {
    thinking: { type: "enabled" },
    reasoning_effort: ABOVE_HIGH.includes(effort) ? "high" : effort,
  };
}
