/** Refusals of real providers, sorted by whose fault they are. One status may occur in each group. */
import type { ErrorCode } from "@openclaw/protocol";

/** Status, body and meaning. */
export type RefusalRow = readonly [status: number, body: unknown, code: ErrorCode];

/** The usual envelope. */
export const say = (message: string, more: object = {}) => ({ error: { message, ...more } });

export const REQUEST: readonly RefusalRow[] = [
  // More than the account can pay for.
  [
    402,
    say(
      "This request requires more credits, or fewer max_tokens. You requested up to 16000 tokens, but can only afford 7217. To increase, visit https://x/settings/credits and upgrade to a paid account",
      { code: 402 },
    ),
    "provider_rejected",
  ],
  [402, say("Please reduce max_tokens or add credits."), "provider_rejected"],
  [402, say("You can only afford 12 tokens."), "provider_rejected"],
  [403, say("Estimated cost of this request exceeds your remaining balance."), "provider_rejected"],
  [402, say("Prompt tokens limit exceeded: 9123 > 6541."), "context_length_exceeded"],

  // Larger than what a minute allows.
  [
    429,
    say(
      "Request too large for gpt-x in organization org-x on tokens per min (TPM): Limit 10000, Requested 12000. The input or output tokens must be reduced in order to run successfully.",
      { type: "tokens", code: "rate_limit_exceeded" },
    ),
    "context_length_exceeded",
  ],
  [
    413,
    say(
      "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7269, please reduce your message size and try again.",
      { type: "tokens", code: "rate_limit_exceeded" },
    ),
    "context_length_exceeded",
  ],
  [429, say("This request is larger than the limit per minute."), "context_length_exceeded"],
  [429, say("Tokens per minute: limit: 6,000, requested: 60,000"), "context_length_exceeded"],
  [429, say("A single request may not exceed 4000 tokens."), "context_length_exceeded"],
  [413, "<html>413 Request Entity Too Large</html>", "context_length_exceeded"],

  // Too long for the model, with whatever status.
  [
    400,
    say("the request exceeds the available context size", { type: "exceed_context_size_error" }),
    "context_length_exceeded",
  ],
  [400, say("Range of input length should be [1, 129024]"), "context_length_exceeded"],
  [400, say("Your request exceeded model token limit: 8192"), "context_length_exceeded"],
  [400, say("Input token length too long"), "context_length_exceeded"],
  [
    403,
    say("Input token count + `max_tokens` parameter must be less than the model's context length"),
    "context_length_exceeded",
  ],
  [
    422,
    say(
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens",
    ),
    "context_length_exceeded",
  ],
  [400, say("x", { code: "OutofContextError" }), "context_length_exceeded"],
  [400, say("输入的上下文过长"), "context_length_exceeded"],
  [
    422,
    {
      error: "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
      error_type: "validation",
    },
    "context_length_exceeded",
  ],
  [
    422,
    say("inputs tokens + max_new_tokens must be <= 4096. Given: 4000 + 200"),
    "context_length_exceeded",
  ],
  [
    400,
    {
      code: 20015,
      message: "length of prompt_tokens (57535) must be less than max_seq_len (32768).",
      data: null,
    },
    "context_length_exceeded",
  ],
  [
    400,
    {
      errors: [
        {
          code: "invalid_input_argument",
          message:
            "Invalid input argument for Model: the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model",
        },
      ],
      status_code: 400,
    },
    "context_length_exceeded",
  ],
  [400, say("Input length 560 exceeds maximum allowed token size 512"), "context_length_exceeded"],
  [
    400,
    say("Total tokens of image and text exceed max message tokens. Request id: 02177", {
      code: "InvalidParameter",
      type: "BadRequest",
    }),
    "context_length_exceeded",
  ],
  [
    400,
    say(
      "Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576, but got a string with length 1100000 instead.",
      { code: "string_above_max_length" },
    ),
    "context_length_exceeded",
  ],
  [
    400,
    say(
      "litellm.ContextWindowExceededError: litellm.BadRequestError: VertexAIException - prompt exceeds limit",
    ),
    "context_length_exceeded",
  ],
  [
    400,
    say("Prompt tokens too long, it should not exceed 7168", { code: "prompt_tokens_too_long" }),
    "context_length_exceeded",
  ],
  [400, say("Too long", { code: "prompt_too_long" }), "context_length_exceeded"],
  [
    400,
    say("The encoded prompt has 9000 tokens, which exceeds the maximum of 8192"),
    "context_length_exceeded",
  ],
  [
    400,
    {
      message:
        "Malformed input request: expected maxLength: 42000, actual: 46735, please reformat your input and try again.",
    },
    "context_length_exceeded",
  ],
  [400, { message: "Input is too long for requested model." }, "context_length_exceeded"],
  [
    400,
    say("Input tokens exceed the configured limit of 272000 tokens. Your messages have 300000."),
    "context_length_exceeded",
  ],
  [
    400,
    say("max_tokens must be at least 1, got -5. (parameter=max_tokens, value=-5)"),
    "context_length_exceeded",
  ],
  [400, { errors: { messages: ["context window exceeded"] } }, "context_length_exceeded"],

  // Another field that is too long, or another number that is too large.
  [
    400,
    say("Invalid 'user': string too long. Expected a string with maximum length 64.", {
      code: "string_above_max_length",
    }),
    "provider_rejected",
  ],
  [400, say("#/tools/0/name: expected maxLength: 64, actual: 70"), "provider_rejected"],
  [
    400,
    say("The maximum tokens you requested exceeds the model limit of 2048."),
    "provider_rejected",
  ],
  [400, say("max_tokens must be at least 1, got 0."), "provider_rejected"],

  // Another size than that of the conversation.
  [400, say("The requested image is too large"), "provider_rejected"],
  [400, say("This request image is too large"), "provider_rejected"],

  // Its content.
  [
    403,
    say('m requires moderation on P. Your input was flagged for "violence".', {
      code: 403,
      metadata: { reasons: ["violence"], flagged_input: "insufficient_quota", provider_name: "P" },
    }),
    "content_filtered",
  ],
  [
    403,
    {
      code: "The caller does not have permission to execute the specified operation",
      error:
        "Content violates usage guidelines. Team: t, API key ID: k, Model: m, Failed check: SAFETY_CHECK_TYPE_BIO",
    },
    "content_filtered",
  ],
  [401, say("Your request was blocked by the content moderation service."), "content_filtered"],
  [400, say("Content Exists Risk", { type: "invalid_request_error" }), "content_filtered"],
  [
    400,
    say("The request was rejected because it was considered high risk", {
      type: "content_filter",
    }),
    "content_filtered",
  ],
  [
    400,
    say("Input data may contain inappropriate content.", { code: "data_inspection_failed" }),
    "content_filtered",
  ],
  [400, { code: "DataInspectionFailed", message: "no" }, "content_filtered"],
  [400, say("x", { code: "SensitiveContentDetected.SevereViolation" }), "content_filtered"],
  [403, say("系统检测到输入内容可能包含不安全或敏感内容"), "content_filtered"],
  [422, say("ResponsibleAIPolicyViolation"), "content_filtered"],
  [422, { errors: { messages: ["Violates our content policy"] } }, "content_filtered"],
  [400, say("Response blocked: PROHIBITED_CONTENT"), "content_filtered"],

  // Something that the model, or the account, does not have.
  [
    404,
    say("No endpoints found that support tool use. To learn more, visit: https://x", { code: 404 }),
    "provider_rejected",
  ],
  [404, say("No endpoints found that support image input", { code: 404 }), "provider_rejected"],
  [404, say("No endpoints found that can handle the requested parameters."), "provider_rejected"],
  [403, say("Image input is not enabled for this account."), "provider_rejected"],
  [403, say("This feature requires a paid plan."), "provider_rejected"],
  [403, say("You do not have access to the feature web_search_options"), "provider_rejected"],
  [403, say("Your account has no access to the batch feature."), "provider_rejected"],
  [403, say("This project is not authorized to use structured outputs"), "provider_rejected"],
  [403, say("Structured outputs are not available on your tier"), "provider_rejected"],
  [401, say("The web_search tool is not available with this key"), "provider_rejected"],
  [400, say("The model `m` does not support tools."), "provider_rejected"],
  [400, say("Function calling is not supported for this model"), "provider_rejected"],
  [400, say("registry/llama:latest does not support thinking"), "provider_rejected"],
  [404, say("tool_call_id call_1 not found"), "provider_rejected"],
  [
    400,
    say(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { code: "unsupported_parameter" },
    ),
    "provider_rejected",
  ],
  [
    400,
    say("Unsupported value: 'temperature' does not support 0.7 with this model.", {
      code: "unsupported_value",
    }),
    "provider_rejected",
  ],
  [
    400,
    say("max_tokens is too large: 16000. This model supports at most 4096"),
    "provider_rejected",
  ],
  [
    422,
    { detail: [{ loc: ["body", "top_k"], msg: "extra fields not permitted" }] },
    "provider_rejected",
  ],
];

export const ACCOUNT: readonly RefusalRow[] = [
  // Its key, with statuses that are otherwise the request's.
  [
    400,
    say("Incorrect API key provided: xa***yz. You can obtain an API key from https://x."),
    "provider_auth",
  ],
  [
    400,
    { code: "Client specified an invalid argument", error: "Incorrect API key provided: xa***." },
    "provider_auth",
  ],
  [
    400,
    [
      say("API key not valid. Please pass a valid API key.", {
        code: 400,
        status: "INVALID_ARGUMENT",
      }),
    ],
    "provider_auth",
  ],
  [400, say("API key expired. Please renew the API key."), "provider_auth"],
  [400, say("User location is not supported for the API use."), "provider_auth"],
  [
    400,
    say("This organization has been disabled.", { type: "invalid_request_error" }),
    "provider_auth",
  ],
  [400, { code: "InvalidApiKey", message: "Invalid API-key provided." }, "provider_auth"],
  [422, say("Invalid API key"), "provider_auth"],
  [403, say("You do not have access to the model gpt-x with tools."), "model_not_found"],
  [403, say("You have no access to this resource."), "provider_auth"],
  [403, say("Country, region, or territory not supported"), "provider_auth"],
  [403, say("Your API key was reported as leaked. Please use another API key."), "provider_auth"],
  [401, say("Your account was deactivated for violating our usage policies."), "provider_auth"],
  [401, say("User not found.", { code: 401 }), "provider_auth"],
  [403, { status: 403, title: "Forbidden", detail: "Authorization failed" }, "provider_auth"],
  [
    403,
    say("You have insufficient permissions for this operation. Missing scopes: model.request"),
    "provider_auth",
  ],
  [403, "<html>Forbidden</html>", "provider_auth"],

  // Its money.
  [
    400,
    say("Your credit balance is too low to access the API. Please go to Plans & Billing.", {
      type: "invalid_request_error",
    }),
    "provider_quota",
  ],
  [
    400,
    {
      code: "Arrearage",
      message: "Access denied, please make sure your account is in good standing.",
    },
    "provider_quota",
  ],
  [403, say("Sorry, your account balance is insufficient", { code: 30001 }), "provider_quota"],
  [
    403,
    {
      code: "AllocationQuota.FreeTierOnly",
      message: "The free tier of the model has been exhausted.",
    },
    "provider_quota",
  ],
  [
    403,
    say("The request failed because your account has an overdue balance.", {
      code: "AccountOverdueError",
    }),
    "provider_quota",
  ],
  [403, say("用户额度不足", { code: "insufficient_user_quota" }), "provider_quota"],
  [
    412,
    say(
      "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.",
    ),
    "provider_quota",
  ],
  [402, say("Insufficient Balance", { code: "invalid_request_error" }), "provider_quota"],
  [402, say("Insufficient credits. Add more using https://x/settings/credits"), "provider_quota"],
  [
    402,
    say("You have exceeded your monthly included credits for Inference Providers."),
    "provider_quota",
  ],
  [402, "", "provider_quota"],
  [
    429,
    say("You exceeded your current quota, please check your plan and billing details.", {
      type: "insufficient_quota",
      code: null,
    }),
    "provider_quota",
  ],
  [
    429,
    say("Your account org-x is suspended, please check your plan and billing details", {
      type: "exceeded_current_quota_error",
    }),
    "provider_quota",
  ],
  [
    429,
    say("Your team has either used all available credits or reached its monthly spending limit."),
    "provider_quota",
  ],
  [
    400,
    say("Budget has been exceeded! Current cost: 12, Max budget: 10", { type: "budget_exceeded" }),
    "provider_quota",
  ],

  // Its model.
  [400, say("m is not a valid model ID", { code: 400 }), "model_not_found"],
  [400, say("Model Not Exist"), "model_not_found"],
  [400, say("Invalid model: m", { code: "1500" }), "model_not_found"],
  [
    400,
    say("The model `m` has been decommissioned and is no longer supported.", {
      code: "model_decommissioned",
    }),
    "model_not_found",
  ],
  [
    400,
    say("Unable to access model m. Please visit https://x to view the list of supported models."),
    "model_not_found",
  ],
  [403, say("Project `p` does not have access to model `m`"), "model_not_found"],
  [403, say("The model `m` is blocked at the project level."), "model_not_found"],
  [404, say("The model `m` does not exist or you do not have access to it."), "model_not_found"],
  [404, say("No endpoints found for m.", { code: 404 }), "model_not_found"],
  [
    404,
    say("No endpoints found matching your data policy. Configure: https://x/settings/privacy"),
    "model_not_found",
  ],
  [404, say("The model `m` is not available. Check its name and try again."), "model_not_found"],
  [404, say("The model `m` is not available. Try again with another model."), "model_not_found"],
  [403, say("The model `m` is currently not available in your region."), "model_not_found"],
  [404, say("Model names are case-sensitive"), "model_not_found"],
  [
    404,
    { status: 404, title: "Not Found", detail: "Function 'f': Not found for account 'a'" },
    "model_not_found",
  ],
  [
    404,
    say("This is not a chat model and thus not supported in the v1/chat/completions endpoint."),
    "model_not_found",
  ],

  [
    404,
    { status: 404, detail: "Function 'f': Specified function is not available" },
    "model_not_found",
  ],
  [403, { status: 403, detail: "Function id 'f' is not allowed for account 'a'" }, "provider_auth"],

  // Its rate, which is not this one request's.
  [
    429,
    say(
      "Rate limit reached for model `m` on tokens per minute (TPM): Limit 6000, Used 5800, Requested 900. Please try again in 7s.",
      { code: "rate_limit_exceeded" },
    ),
    "provider_rate_limited",
  ],
  [
    429,
    say(
      "This request would exceed your organization's rate limit of 40,000 input tokens per minute.",
    ),
    "provider_rate_limited",
  ],
  [
    429,
    [
      say(
        "You exceeded your current quota, please check your plan and billing details. Please retry in 34s.",
        { code: 429, status: "RESOURCE_EXHAUSTED" },
      ),
    ],
    "provider_rate_limited",
  ],
  [429, say("Too many requests"), "provider_rate_limited"],
  [429, say("Your request was queued too long. Please retry later."), "provider_rate_limited"],
  [
    429,
    say("Too many requests. Only a single request is allowed concurrently."),
    "provider_rate_limited",
  ],
  [429, say("limit 60 requests/min, requested 61"), "provider_rate_limited"],
  [429, say("Requests per minute: Limit 60, Requested 61"), "provider_rate_limited"],
  [429, say("The number of requests is too large"), "provider_rate_limited"],
  [429, say("Request rate is too large"), "provider_rate_limited"],
  [403, say("Rate limit exceeded, slow down."), "provider_rate_limited"],
];

export const PROVIDER: readonly RefusalRow[] = [
  [503, say("Service unavailable"), "provider_overloaded"],
  [498, say("Flex tier capacity exceeded"), "provider_overloaded"],
  [400, say("The engine is currently overloaded, please try again later"), "provider_overloaded"],
  [400, say("Model is temporarily not available"), "provider_overloaded"],
  [404, say("The model `m` is currently unavailable, try again later"), "provider_overloaded"],
  [424, say("The model failed"), "provider_error"],
  [409, say("Conflict"), "provider_error"],
  [500, say("Internal server error"), "provider_error"],
];

/** Sentences inside a stream, where no status says whose the fault is. */
export const IN_STREAM: readonly (readonly [message: string, code: ErrorCode])[] = [
  ["The request took too long to process.", "provider_error"],
  ["Your request has been waiting too long, please retry", "provider_error"],
  ["The request is too long", "context_length_exceeded"],
  ["Request too large: limit 6000 tokens, requested 7269", "context_length_exceeded"],
  ["The model is currently not available due to high load", "provider_overloaded"],
  ["Service for this model is temporarily not available, retry later", "provider_overloaded"],
  ["The model is not available", "model_not_found"],
];
