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

A request may have more than the fields that [PROTOCOL.md](../PROTOCOL.md) names. A field that a provider documents goes to it as it
is, under its own name and with its own value. The same names hold everywhere: beside \`messages\` in \`POST /v1/chat/completions\`
(where \`extra_body\` of OpenAI's Python library puts them), in \`POST /v1/runs\` beside \`message\` or in \`options\`, and in \`options\` of
protocol v2. Why it is so: [decision 20](decisions/0020-what-goes-to-the-provider.md).

## Who takes what

A provider takes the fields that its kind has in this table. \`openai.com\` is OpenAI's own host, Azure included. It takes less than
other servers of kind \`openai\`.

| role | fields | ${HOMES.map((home) => `\`${home}\``).join(" | ")} |
| --- | --- | ${HOMES.map(() => "---").join(" | ")} |
${roles.flatMap(rowsOf).join("\n")}

\`providers.NAME.unknownFields\` decides about every other field. \`refuse\` answers the request with 400 and the field's name, \`pass\` sends
the field to the provider. The default is \`pass\` for kind \`openai\`, and \`refuse\` for the other kinds and for \`openai.com\`.

A model may take less than its kind. The provider then refuses the request with an error of its own.

## Tools

| | ${HOMES.map((home) => `\`${home}\``).join(" | ")} |
| --- | ${HOMES.map(() => "---").join(" | ")} |
| types of \`tools\` that a client may give | ${HOMES.map((home) => code(TOOL_TYPES[home])).join(" | ")} |

A function only comes back to the client as a call. A tool that runs at the provider (\`web_search\`, \`retrieval\`, \`mcp\` and the like) may
cost money, read what the account can read, or reach a server that the client names. A provider takes such a tool from clients only if its
operator sets \`unknownFields: "pass"\`; the default \`pass\` of kind \`openai\` is not enough. Otherwise the request is answered with 400.
The same goes for a fallback: it is not asked.

## At a fallback

The role of a field decides what happens at a fallback that does not take it. So it does at a member of a group, if another member
takes all fields of the request.

| role | the field says | a fallback that does not take it |
| --- | --- | --- |
${roles.map((role) => `| ${role} | ${ROLES[role]} |`).join("\n")}

The default \`pass\` of kind \`openai\` does not hold at a fallback for a field that the table gives to other kinds alone.

A field that is not in the table counts as \`shape\`. So do \`tools\`, \`tool_choice\`, \`parallel_tool_calls\`, \`response_format\` and \`stop\`, at a
provider that is known not to heed their value.

## What an operator sets

| setting of a provider | what it does |
| --- | --- |
| \`extraBody\` | adds fields to every request: defaults, no lock. The client's field replaces the operator's as a whole; only the entries of \`chat_template_kwargs\` and \`nvext\` are replaced one by one. \`null\` takes a field away that the gateway sends by itself |
| \`unknownFields\` | \`pass\` or \`refuse\`, see above |
| \`maxTokensName\` | the name of the limit, \`max_tokens\` or \`max_completion_tokens\`, if the provider accepts one of them only |
| \`wantsReasoning\` | sends it the model's earlier thoughts (\`reasoning_content\` of the history), or not |

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

These fields are refused with 400 and their name, whatever \`unknownFields\` says. Capitals make no difference.

| fields | reason |
| --- | --- |
${REFUSED_FIELDS.map(({ names, why }) => `| ${code(names)} | ${why} |`).join("\n")}

These keys inside \`chat_template_kwargs\` are refused too, since they would take the place of the server's own: ${code(REFUSED_TEMPLATE_KEYS)}.

Inside \`nvext\`, at any depth but for schemas (\`guided_json\`), all fields above are refused, those that are otherwise left alone, and these: ${code(REFUSED_NVEXT_KEYS)}.

\`POST /v1/chat/completions\` has \`model\`, \`messages\`, \`stream\` and \`stream_options\`, and reads them itself; of \`stream_options\` it heeds
\`include_usage\` and leaves the rest alone. It accepts \`n: 1\`, \`logprobs: false\`, \`top_logprobs: 0\` and \`modalities: ["text"]\`, which ask for nothing.

These fields are accepted and left alone, as they change no answer: ${code(IGNORED_FIELDS)}. \`null\`, an empty list and an
empty object are the same as no field.

## Bounds

A request may have ${EXTRA_LIMITS.fields} such fields, with names of up to ${EXTRA_LIMITS.nameLength} characters (\`A-Z a-z 0-9 _ . -\`, beginning with a letter), and ${EXTRA_LIMITS.bytes} bytes of
JSON for all of them together. Objects and lists may be ${EXTRA_LIMITS.depth} deep, in \`tools\` and \`response_format\` as well. A key \`__proto__\` is refused.
The gateway writes no field and no value of one into a log, a metric or a trace.
`;

test("docs/fields.md says what the tables say", async () => {
  await expect(page).toMatchFileSnapshot("../../docs/fields.md");
});

test("every field that a client may not send is said once", () => {
  const refused = REFUSED_FIELDS.flatMap(({ names }) => names);
  const all = [...refused, ...IGNORED_FIELDS, ...Object.keys(REQUEST_FIELDS)];
  expect(all.toSorted()).toEqual([...new Set(all)].toSorted());
});
