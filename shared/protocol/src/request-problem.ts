/** What is wrong with the body of an HTTP request, in words that say what to do. */
import type { z } from "zod";
import { fieldName, inWords, problemSentence } from "./frame-problem.ts";

type Issue = z.core.$ZodIssue;

export interface RequestProblem {
  /** One sentence about all that is wrong. */
  readonly message: string;
  /** The first field that is wrong, such as `messages.0.content`; null for the body itself. */
  readonly param: string | null;
}

export function requestProblem(issues: readonly Issue[]): RequestProblem {
  const [first] = issues;
  const param = first && describe(first).path;
  const tell = (issue: Issue) => {
    const { path, words } = describe(issue);
    return path === "" ? words : `\`${path}\` ${words}`;
  };
  return {
    message: problemSentence(issues, tell),
    param: param === undefined || param === "" ? null : param,
  };
}

function describe(issue: Issue, above: readonly PropertyKey[] = []): Description {
  const path = [...above, ...issue.path];
  if (issue.code !== "invalid_union") return { path: fieldName(path), words: inWords(issue) };
  // Its path ends with the field that decides.
  if ("discriminator" in issue)
    return { path: fieldName(path), words: "has a value that is not known here" };
  return describeUnion(issue.errors, path);
}

/** The alternative that matched furthest was meant; where no alternative matched at all, all are named. */
function describeUnion(
  ways: readonly (readonly Issue[])[],
  path: readonly PropertyKey[],
): Description {
  const first = ways.flatMap(([issue]) => issue ?? []);
  const furthest = first.toSorted((a, b) => b.path.length - a.path.length)[0];
  if (furthest && furthest.path.length > 0) return describe(furthest, path);
  const expected = first.flatMap((issue) => ("expected" in issue ? [`${issue.expected}`] : []));
  const other = first.find((issue) => !("expected" in issue));
  if (other) return describe(other, path);
  return { path: fieldName(path), words: `must be of type ${[...new Set(expected)].join(" or ")}` };
}

interface Description {
  readonly path: string;
  readonly words: string;
}
