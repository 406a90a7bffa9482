import type { PassedFields } from "@openclaw/protocol";
import type { Dialect } from "./dialect.ts";
import { isThoughtless, plainMessage, withoutDefaults } from "./plain-request.ts";

/**
 * Models that think by default, and accept a switch, by their documentation. Newer ones (5.3) refuse the switch, older
 * ones do not have it.
 */
const THINKING_CAN_BE_DISABLED = /^glm-(?:4\.[567]|5|5\.[12])(?:-|$)/i;

/** Models with `reasoning_effort` instead of the switch. */
const HAS_EFFORT = /^glm-5\.[2-9](?:-|$)/i;

/** Models that hold a tool call back until its arguments are complete, unless `tool_stream` is set. */
const STREAMS_CALLS = /^glm-(?:4\.[67]|5(?:\.\d)?)(?:-|$)/i;

/** The length of `user_id`. */
const USER_LENGTH = { least: 6, most: 128 };

const MAX_TEMPERATURE = 1;
/** It refuses 1. */
const MAX_TOP_P = 0.99;

/**
 * Zhipu BigModel (GLM). Status 429 means anything from two requests too many to an empty account: only the code decides.
 * It sends usage without `stream_options`.
 */
export const zhipu: Dialect = {
  // The first text counts more than thinking: with thinking it comes seconds later.
  requestFields: ({ model }) =>
    THINKING_CAN_BE_DISABLED.test(model) ? { thinking: { type: "disabled" } } : {},
  options: ({ temperature, topP, ...others }) => ({
    ...others,
    temperature: temperature && Math.min(temperature, MAX_TEMPERATURE),
    topP: topP && Math.min(topP, MAX_TOP_P),
  }),
  limitName: () => "max_tokens",
  message: plainMessage,
  // With tools, its models continue their reasoning. Its documentation asks for it.
  wantsReasoning: () => true,
  passedFields: ({ tools, tool_choice, user, reasoning_effort, ...others }, { model }) => ({
    ...withoutDefaults(others),
    ...toolFields({ tools, tool_choice }, model),
    ...userField(user),
    ...effortFields(reasoning_effort, model),
  }),
  codes: {
    "1000": "provider_auth",
    "1001": "provider_auth",
    "1002": "provider_auth",
    "1003": "provider_auth",
    "1004": "provider_auth",
    // Account inactive, missing, locked.
    "1110": "provider_auth",
    "1111": "provider_auth",
    "1112": "provider_auth",
    "1113": "provider_quota",
    "1120": "provider_overloaded",
    "1121": "provider_auth",
    "1210": "provider_rejected",
    "1211": "model_not_found",
    "1213": "provider_rejected",
    "1214": "provider_rejected",
    "1215": "provider_rejected",
    "1220": "provider_auth",
    // The API itself is offline or gone.
    "1221": "model_not_found",
    "1222": "model_not_found",
    "1230": "provider_error",
    "1231": "provider_rejected",
    "1234": "provider_error",
    "1261": "context_length_exceeded",
    "1300": "content_filtered",
    "1301": "content_filtered",
    // The concurrency or rate of the account. 1305 and 1312 are the platform's.
    "1302": "provider_rate_limited",
    "1303": "provider_rate_limited",
    "1304": "provider_quota",
    "1305": "provider_overloaded",
    "1308": "provider_quota",
    "1309": "provider_quota",
    "1310": "provider_quota",
    // The model is not part of the plan.
    "1311": "model_not_found",
    "1312": "provider_overloaded",
    "1313": "provider_rate_limited",
  },
  classify: ({ status }) => (status === 434 ? "provider_auth" : undefined),
};

/** It has no `tool_choice: "none"`, so the tools are removed. */
function toolFields(
  { tools, tool_choice }: Pick<PassedFields, "tools" | "tool_choice">,
  model: string,
) {
  if (tools === undefined || tool_choice === "none") return {};
  return { tools, tool_choice, ...(STREAMS_CALLS.test(model) && { tool_stream: true }) };
}

/** Has no effect on the answer, so a value of a refused length is left out. */
function userField(user: string | undefined) {
  const { least, most } = USER_LENGTH;
  return user && user.length >= least && user.length <= most ? { user_id: user } : {};
}

/** For models without levels, any effort switches thinking on, unless it asks for none. */
function effortFields(effort: string | undefined, model: string) {
  if (effort === undefined) return {};
  if (HAS_EFFORT.test(model)) return { thinking: undefined, reasoning_effort: effort };
  if (!THINKING_CAN_BE_DISABLED.test(model)) return { reasoning_effort: effort };
  return { thinking: { type: isThoughtless(effort) ? "disabled" : "enabled" } };
}
