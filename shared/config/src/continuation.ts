/**
 * Which providers can continue an answer that another attempt began. Their API takes the text so far as a trailing
 * assistant message, and answers with the rest alone.
 *
 * The plain chat completions API has no such thing: a trailing assistant message is history there, and
 * what comes is a new answer. Each server has its own way to ask for it, and hardly any refuses a way that it does
 * not know. Hence a list of documented ways, and an option that is off.
 */

/** Speak the API of kind `openai` and are known not to do it. */
const NEW_ANSWER_HOSTS = ["openai.com", "openai.azure.com"];
/** Continue, but send the text so far once more in front: it would stand in the answer twice. */
const REPEATING_HOSTS = ["mistral.ai"];

/**
 * Why a provider cannot have `continueFromPartial`, as the end of a sentence; undefined where it can.
 * Takes values of a file that may be wrong in other ways; about those it has no opinion.
 */
export function continuationProblem({
  kind,
  baseUrl,
}: {
  readonly kind: unknown;
  readonly baseUrl: unknown;
}): string | undefined {
  if (typeof kind === "string" && kind !== "openai") {
    return `the API of kind "${kind}" cannot continue a partial answer, only servers of kind "openai" may`;
  }
  if (isOn(baseUrl, NEW_ANSWER_HOSTS)) return "this host begins a new answer instead of continuing";
  if (isOn(baseUrl, REPEATING_HOSTS)) return "this host repeats the partial answer";
  return undefined;
}

/** Whether a URL's host is one of these domains or below one. */
export function isOn(url: unknown, domains: readonly string[]): boolean {
  if (typeof url !== "string" || !URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return domains.some((domain) => hostname === domain || hostname.endsWith(`.${domain}`));
}
