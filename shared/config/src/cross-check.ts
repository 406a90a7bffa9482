/** What must hold between the parts of a configuration: names that refer to providers and groups. */
import { continuationProblem } from "./continuation.ts";
import { type FieldProblem, fieldsOf } from "./field-problem.ts";

/** The group that every configuration has. */
export const EVERYBODY = "auto";
const PROVIDER_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const NAME_RULE = "a name must be 1 to 32 of a-z 0-9 -, beginning with a letter";

/** What one part of a file says of another; checked even where the parts themselves are wrong. */
export function crossCheck(input: unknown): FieldProblem[] {
  const { providers, groups, defaultProvider, models } = fieldsOf(input);
  const names = Object.keys(fieldsOf(providers));
  const answers = [...names, EVERYBODY, ...Object.keys(fieldsOf(groups))];
  const problems: FieldProblem[] = [];
  if (names.length === 0 && providers !== undefined) {
    problems.push({ path: ["providers"], message: "must name at least one provider" });
  }
  const named = [
    { path: ["defaultProvider"], name: defaultProvider },
    ...Object.entries(fieldsOf(models)).map(([model, name]) => ({ path: ["models", model], name })),
  ];
  for (const { path, name } of named) {
    if (typeof name !== "string" || answers.includes(name)) continue;
    const message = `"${name}" is no provider and no group; there are: ${answers.join(", ")}`;
    problems.push({ path, message });
  }
  return [
    ...problems,
    ...Object.entries(fieldsOf(groups)).flatMap(([group, members]) =>
      groupProblems(group, { members, names }),
    ),
    ...names.flatMap((name) => providerProblems(name, { providers, names })),
  ];
}

function groupProblems(
  group: string,
  { members, names }: { members: unknown; names: readonly string[] },
): FieldProblem[] {
  const path = ["groups", group];
  const strangers = (Array.isArray(members) ? members : []).filter(
    (member) => !names.includes(member),
  );
  return [
    ...(PROVIDER_NAME.test(group) ? [] : [NAME_RULE]),
    ...(names.includes(group) ? ["is the name of a provider"] : []),
    ...strangers.map((member) => `"${member}" is no provider; there are: ${names.join(", ")}`),
  ].map((message) => ({ path, message }));
}

function providerProblems(
  name: string,
  { providers, names }: { providers: unknown; names: readonly string[] },
): FieldProblem[] {
  const path = ["providers", name];
  const { fallback, continueFromPartial, kind, baseUrl, extraBody } = fieldsOf(
    fieldsOf(providers)[name],
  );
  const problems: FieldProblem[] = [];
  if (name === EVERYBODY) {
    problems.push({ path, message: `"${EVERYBODY}" stands for all providers and cannot be one` });
  }
  if (!PROVIDER_NAME.test(name)) problems.push({ path, message: NAME_RULE });
  const problem = continueFromPartial === true && continuationProblem({ kind, baseUrl });
  if (problem) problems.push({ path: [...path, "continueFromPartial"], message: problem });
  problems.push(...extraBodyProblems([...path, "extraBody"], extraBody));
  for (const other of Array.isArray(fallback) ? fallback : []) {
    if (other !== name && names.includes(other)) continue;
    const message = `"${other}" is no other provider; there are: ${names.join(", ")}`;
    problems.push({ path: [...path, "fallback"], message });
  }
  return problems;
}

/** What the gateway relies upon in a request, and has settings or code of its own for. */
const OWN_FIELDS: readonly string[] = [
  ...["model", "messages", "stream", "n", "tools", "tool_choice", "functions", "function_call"],
  ...["best_of", "num_return_sequences", "n_cmpl", "logprobs", "top_logprobs"],
  ...["modalities", "audio"],
];

function extraBodyProblems(path: readonly string[], extraBody: unknown): FieldProblem[] {
  return Object.keys(fieldsOf(extraBody))
    .filter((name) => OWN_FIELDS.includes(name))
    .map((name) => ({ path: [...path, name], message: "is the gateway's own to set" }));
}
