/** Writes docs/fields.md from the tables that decide; `npm test -- --update` brings it up to date. */
import { type FieldHome, type FieldRole, REQUEST_FIELDS, TOOL_TYPES } from "@openclaw/config";
import {
  EXTRA_LIMITS,
  IGNORED_FIELDS,
  REFUSED_FIELDS,
  REFUSED_NVEXT_KEYS,
  REFUSED_TEMPLATE_KEYS,
} from "@openclaw/protocol";
import { expect, test } from "vitest";

const HOMES: readonly FieldHome[] = ["openai", "openai.com", "nvidia", "zhipu", "tencent"];

const ROLES: Readonly<Record<FieldRole, string>> = {
  sampling: "how words are chosen | the field is left out",
  effort: "how much the model thinks and says | the field is left out",
  hint: "nothing in the answer | the field is left out",
  shape: "what the answer is made of | it is not asked",
  tokens:
    "pieces of one model's vocabulary | it is not asked, nor is a fallback that serves another model",
};
const roles = Object.keys(ROLES) as FieldRole[];

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");

/** Fields of one role that the same providers take share a row. */
function rowsOf(role: FieldRole): string[] {
  const rows = new Map<string, string[]>();
  for (const [name, field] of Object.entries(REQUEST_FIELDS)) {
    if (field.role !== role) continue;
    const takers = HOMES.map((home) => (field.homes.includes(home) ? "yes" : "")).join(" | ");
    rows.set(takers, [...(rows.get(takers) ?? []), name]);
  }
  return [...rows].map(([takers, names]) => `| ${role} | ${code(names)} | ${takers} |`);
}

const page = `# Fields that not every provider knows

<!-- Written by tests/docs/fields.test.ts from the tables that decide; do not edit. -->

A request may have more fields than [PROTOCOL.md](../PROTOCOL.md) names. A field that a provider documents goes to it
unchanged, with its own name and value. The names are the same in every protocol:

| request | place of such a field |
| --- | --- |
| \`POST /v1/chat/completions\` | beside \`messages\`. OpenAI's Python library puts the fields of \`extra_body\` there |
| \`POST /v1/runs\` | beside \`message\`, or in \`options\` |
| protocol v2 | in \`options\` |

Use the name that the provider's own documentation has. The reasons are in [decision 20](decisions/0020-what-goes-to-the-provider.md).

## Who takes what

A provider takes the fields that its kind has in this table. \`openai.com\` is OpenAI's own host, Azure
included. It takes fewer fields than other servers of kind \`openai\`.

| role | fields | ${HOMES.map((home) => `\`${home}\``).join(" | ")} |
| --- | --- | ${HOMES.map(() => "---").join(" | ")} |
${roles.flatMap(rowsOf).join("\n")}

\`providers.NAME.unknownFields\` decides about every other field. \`refuse\` answers the request with 400 and the
field's name. \`pass\` sends the field to the provider. The default is \`pass\` for kind \`openai\`, and \`refuse\`
for the other kinds and for \`openai.com\`.

A model may take fewer fields than its kind. The provider then refuses the request with an error of its own.
On such an error, remove the field or ask another provider.

## Tools

| | ${HOMES.map((home) => `\`${home}\``).join(" | ")} |
| --- | ${HOMES.map(() => "---").join(" | ")} |
| types of \`tools\` that a client may give | ${HOMES.map((home) => code(TOOL_TYPES[home])).join(" | ")} |

A function only comes back to the client as a call. A tool that runs at the provider (\`web_search\`,
\`retrieval\`, \`mcp\` and the like) does more. It may cost money, read what the account can read, or reach a
server that the client names. A provider takes such a tool from clients only if its operator sets
\`unknownFields: "pass"\`. The default \`pass\` of kind \`openai\` is not enough. Otherwise the request is answered
with 400, and a fallback is not asked.

To allow such tools, the operator sets \`unknownFields: "pass"\` for the provider.

## At a fallback

A fallback may not take a field of the request. The role of the field then decides. The same holds for a
member of a group, if another member takes all fields of the request.

| role | the field says | a fallback that does not take it |
| --- | --- | --- |
${roles.map((role) => `| ${role} | ${ROLES[role]} |`).join("\n")}

- The default \`pass\` of kind \`openai\` does not hold at a fallback for a field that the table gives to other
  kinds only.
- A field that is not in the table counts as \`shape\`.
- \`tools\`, \`tool_choice\`, \`parallel_tool_calls\`, \`response_format\` and \`stop\` count as \`shape\` at a provider
  that is known not to support their value.

If every fallback must be able to answer, use fields of the roles sampling, effort and hint.

## What an operator sets

| setting of a provider | effect |
| --- | --- |
| \`extraBody\` | adds fields to every request, as defaults. The client's field replaces the operator's as a whole. Only the entries of \`chat_template_kwargs\` and \`nvext\` are replaced one by one. \`null\` removes a field that the gateway sends by itself |
| \`unknownFields\` | \`pass\` or \`refuse\`, see above |
| \`maxTokensName\` | the name of the limit, \`max_tokens\` or \`max_completion_tokens\`. Set it if the provider accepts only one of them |
| \`wantsReasoning\` | whether the model's earlier thinking (\`reasoning_content\` of earlier messages) is sent to the provider |

\`\`\`json
{
  "kind": "openai",
  "baseUrl": "http://10.0.0.5:8000/v1",
  "model": "Qwen/Qwen3-32B",
  "extraBody": { "top_k": 20, "chat_template_kwargs": { "enable_thinking": false } },
  "wantsReasoning": true
}
\`\`\`

## Never from a client

These fields are refused with 400 and their name, even with \`unknownFields: "pass"\`. Upper and lower case are
the same.

| fields | reason |
| --- | --- |
${REFUSED_FIELDS.map(({ names, why }) => `| ${code(names)} | ${why} |`).join("\n")}

More names are refused at some places:

| place | refused names |
| --- | --- |
| keys of \`chat_template_kwargs\`, because they would replace the server's own | ${code(REFUSED_TEMPLATE_KEYS)} |
| \`nvext\`, at any depth except in schemas (\`guided_json\`) | all fields above, the fields that have no effect (below), and ${code(REFUSED_NVEXT_KEYS)} |

\`POST /v1/chat/completions\` reads \`model\`, \`messages\`, \`stream\` and \`stream_options\` itself. Of
\`stream_options\` it uses \`include_usage\` and ignores the rest. It accepts \`n: 1\`, \`logprobs: false\`,
\`top_logprobs: 0\` and \`modalities: ["text"]\`, which ask for nothing.

These fields are accepted and have no effect, because they change no answer:

| fields without effect |
| --- |
| ${code(IGNORED_FIELDS)} |

\`null\`, an empty list and an empty object are the same as no field. To get rid of a 400, remove the field that
it names.

## Bounds

| what | bound |
| --- | --- |
| such fields in a request | ${EXTRA_LIMITS.fields} |
| a name | ${EXTRA_LIMITS.nameLength} characters of \`A-Z a-z 0-9 _ . -\`, beginning with a letter |
| all such fields together | ${EXTRA_LIMITS.bytes} bytes of JSON |
| depth of objects and lists, also in \`tools\` and \`response_format\` | ${EXTRA_LIMITS.depth} |

A key \`__proto__\` is refused. The gateway writes neither such a field nor its value into a log, a metric or a
trace.
`;

test("docs/fields.md says what the tables say", async () => {
  await expect(page).toMatchFileSnapshot("../../docs/fields.md");
});

test("every field that a client may not send is said once", () => {
  const refused = REFUSED_FIELDS.flatMap(({ names }) => names);
  const all = [...refused, ...IGNORED_FIELDS, ...Object.keys(REQUEST_FIELDS)];
  expect(all.toSorted()).toEqual([...new Set(all)].toSorted());
});
