/**
 * Patterns for the words of refusals, in lower case. The table of `refusal-rules.ts` gives them their meaning.
 *
 * Codes are words too, so a pattern also matches words without a gap (`invalidapikey`).
 */

/** Joins patterns. The result also matches across lines. */
function any(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => source).join("|"), "s");
}

/** One request asks for more tokens than the account can pay for. Smaller requests succeed. */
export const MORE_THAN_CAN_BE_PAID = any(
  /can (?:only|not) afford|cannot afford/,
  /request requires more (?:credits|balance|funds)/,
  /(?:fewer|lower|less|reduce|decrease|smaller)\W.{0,40}max_?(?:completion_|output_|new_)?tokens/,
  /\brequest\b.{0,80}exceeds? (?:your|the) (?:remaining|available) (?:balance|credits?|quota)/,
);

/** One request is larger than the limit of a whole minute, so waiting does not help. */
export const LARGER_THAN_A_MINUTE: Pick<RegExp, "test"> = {
  test: (text) =>
    !OF_TIME_OR_NUMBER.test(text) && (SAYS_LARGER.test(text) || requestsMoreThanTheLimit(text)),
};

/** A wait is too long, or there are too many requests. A smaller request does not help. */
const OF_TIME_OR_NUMBER = any(
  /\b(?:took|takes|taking|wait(?:ed|ing)|queued?|concurren\w*|simultaneous\w*|time[ds]?[ -]?out)\b/,
  /\brequests? ?(?:per\b|\/ ?(?:s|m|h|d))|\b(?:number of|too many) requests\b/,
  /\brequest (?:rate|count|volume|frequency)\b/,
);

const SAYS_LARGER = any(
  /\brequest(?:s|ed)?\b.{0,30}(?:too (?:large|big)|(?:larger|bigger) than)/,
  /\brequest(?:ed)? (?:(?:is|was|tokens) )*too long/,
  /single request.{0,80}\btokens?\b|\btokens?\b.{0,80}single request/,
  /tokens must be reduced|reduce (?:your|the) (?:message|prompt|input|request) (?:size|length)/,
);

const OF_TOKENS = /\b(?:tokens?|tpm|itpm|otpm|tpd)\b/;
const LIMIT_AND_REQUESTED = /\blimit:? *(\d[\d,]*).{0,80}?\brequested:? *(\d[\d,]*)/;

function requestsMoreThanTheLimit(text: string): boolean {
  if (!OF_TOKENS.test(text)) return false;
  const [, limit, requested] = LIMIT_AND_REQUESTED.exec(text) ?? [];
  return numberOf(requested) > numberOf(limit);
}

function numberOf(digits = ""): number {
  return Number(digits.replaceAll(",", ""));
}

export const CONTEXT_TOO_LONG = any(
  /maximum context length|context[ _]?(?:length|size|window)|out ?of ?context|max input characters/,
  /maximum number of tokens allowed|model token limit|prompt tokens limit|max_total_tokens/,
  /(?:prompt|input) is too long|input (?:token )?length (?:is )?too long|too many (?:input )?tokens/,
  /(?:prompt|input)[ _](?:tokens?[ _])?(?:are[ _])?too[ _]long|\bprompt has [\d,]+ tokens.{0,20}exceed/,
  /(?:prompt|input|messages?)\b.{0,20}\btokens?\b(?! ?(?:per\b|\/)).{0,20}\bexceed/,
  /range of input length|reduce the length of|input length.{0,30}exceeds? (?:the )?max/,
  /inputs`? must have less than|inputs`? tokens \+ `?max_new_tokens`? must be/,
  /length of prompt_?tokens.{0,20}must be|exceeds? max(?:imum)? (?:message|input) tokens/,
  // The limit of a whole text. The limit of a name is shorter.
  /expected maxlength: \d{4}/,
  // The rest that is left for the answer.
  /max_tokens must be at least 1, got -/,
  /(?:上下文|输入|提示词).{0,10}(?:过长|超长|超出|超过)/,
);

/** A name or a label is too long, and not the conversation. */
export const ANOTHER_FIELD = /invalid '(?!(?:messages|input|prompt|instructions)\b)/;

export const FILTERED_CONTENT = any(
  /content[ _-]?(?:filter|policy|moderation|safety|security|management policy|exists risk|risk)/,
  /\bmoderation\b|\bflagged\b|\bguardrails?\b|data_?inspection_?failed|high[- ]risk|responsible ?ai/,
  /(?:usage|safety|acceptable use) (?:polic|guideline)|violat\w*.{0,60}(?:polic|guideline|terms)/,
  /\bsafety (?:system|check|filter|setting|reason)|(?<!case[ -])sensitive/,
  /(?:inappropriate|harmful|prohibited|unsafe|disallowed)[ _](?:or \w+ )?content/,
  /敏感|违规|违法|不安全|内容安全|未通过审核/,
);

/** A feature of a model or an account: `... is not available`, `does not support ...`. */
const FEATURE =
  "(?:feature|tools?|tool use|function calling|images?|vision|audio|video|files?|pdf|json|schema|structured outputs?|response_format|logprobs?|parameters?|reasoning|thinking|system (?:message|prompt)|modalit\\w+)";

export const OTHER_LIMIT_NAME = any(
  /unsupported parameter.{0,20}max_tokens.{0,80}max_completion_tokens/,
  /unsupported parameter.{0,20}max_completion_tokens/,
);

export const MISSING_FEATURE = any(
  /no (?:endpoints?|providers?)\b.{0,60}(?:support|handle|requested param)/,
  /requested parameters|unsupported[ _](?:parameter|value|field|feature)/,
  new RegExp(`does(?: not|n't) support (?:the )?['"\`]?${FEATURE}`),
  new RegExp(`\\b${FEATURE}\\b.{0,60}(?:not|n't) (?:be )?(?:supported|enabled|available|allowed)`),
  /\bfeature\b.{0,40}requires/,
  new RegExp(
    `(?:access to|(?:allowed|authorized|entitled|permitted|permission) to use) (?:(?!models?\\b)[\\w'"\`-]+ ){0,3}?['"\`]?${FEATURE}\\b`,
  ),
  /\b(?:file|image|attachment|tool_?call\w*|previous[ _]response)\b.{0,60}not found/,
);

/** The model exists and cannot answer now. Texts about an account, a region or another model are excluded: waiting does not help. */
export const AWAY_FOR_NOW: Pick<RegExp, "test"> = {
  test: (text) => AWAY.test(text) && FOR_NOW.test(text) && !FOR_THIS_ACCOUNT.test(text),
};

const AWAY =
  /(?:not|n't) (?:\w+ )?available|unavailable|disabled|high (?:load|demand|traffic)|busy/;
const FOR_NOW = any(
  /temporar|currently|high (?:load|demand|traffic)|\bbusy\b/,
  /(?<!and )\b(?:retry|try again)\b(?! (?:with|using))/,
);
const FOR_THIS_ACCOUNT =
  /\b(?:in|for|to|on|with) (?:you|your|this|the)\b.{0,20}\b(?:region|country|location|account|organization|project|team|tier|plan|key)\b/;

export const UNKNOWN_MODEL = any(
  /\bmodel\b.{0,120}not ?(?:found|exist)|\bmodel\b.{0,60}does(?: not|n't) exist|modelnotfound/,
  /not a valid model|(?:invalid|unknown|unsupported|no such)[ _]model|unable to access model/,
  /\bmodel\b.{0,60}(?:not supported|not available|decommissioned|deprecated|retired|blocked|disabled)/,
  /access to (?:the )?model|not a chat model|模型.{0,40}(?:不存在|未开通|已下线|无权)/,
);

/** They also come with statuses of other meanings, such as 429. */
export const NO_MONEY = any(
  /insufficient[ _](?:user[ _])?(?:quota|balance|funds?|credits?)|exceeded_current_quota/,
  /credit balance is too low|balance is (?:insufficient|not enough)|quota is not enough/,
  /\bcredits? (?:limit|exhausted|expired)|(?:out of|not enough) credits|used all available credits/,
  /overdue|arrear|unpurchased|free ?tier ?only|free tier.{0,40}exhausted|spend(?:ing)? limit/,
  /account\b.{0,40}suspended.{0,80}(?:billing|invoice|pay)|monthly included credits/,
  /budget (?:has been )?exceeded|budget_exceeded|余额不足|欠费|额度(?:不足|已用|已耗|用尽)/,
);

export const REFUSED_KEY = any(
  /(?:invalid|incorrect|expired|missing|revoked|wrong)[ _-]?(?:api|access|auth\w*)[ _-]?(?:key|token)/,
  /api[ _-]?key\b.{0,40}(?:not valid|invalid|expired|incorrect|revoked|missing|leaked|disabled)/,
  /\b(?:account|organization|team|project|workspace)\b.{0,60}(?:suspended|deactivated|disabled|banned|locked|restricted|terminated|must be verified)/,
  /access (?:was |has been )?terminated|user location is not supported/,
  /(?:country|region|territory)\b.{0,40}not (?:supported|available)|login fail/,
  /令牌.{0,10}(?:无效|过期|失效)|无效的令牌|鉴权失败|认证失败|身份验证/,
);

export const TOO_OFTEN = /rate[ _]limit|too many requests|resource_exhausted|quota exceeded/;

export const OVERLOADED = /overloaded|service unavailable|at capacity/;
