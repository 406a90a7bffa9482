import type { PassedFields } from "@openclaw/protocol";

/**
 * Passed fields without those that only say what is so anyway: a provider that does not know a field
 * refuses the request for it, whatever it says.
 */
export function withoutDefaults(passed: PassedFields): PassedFields {
  const { parallel_tool_calls, response_format, presence_penalty, frequency_penalty, ...others } =
    passed;
  return {
    ...others,
    ...(parallel_tool_calls === false && { parallel_tool_calls }),
    ...(response_format && response_format.type !== "text" && { response_format }),
    ...(presence_penalty && { presence_penalty }),
    ...(frequency_penalty && { frequency_penalty }),
  };
}

/** Whether an effort asks for no thinking at all, or as good as none. */
export function isThoughtless(effort: string): boolean {
  return effort === "none" || effort === "minimal";
}
