/** Keeps the tables of errors and statuses in PROTOCOL.md in step; `npm test -- --update` rewrites them. */
import { readFileSync } from "node:fs";
import { ERROR_CODES } from "@openclaw/protocol";
import { expect, test } from "vitest";
import { HTTP_REFUSALS } from "../../services/edge/src/http/exchange/api-error.ts";
import { REFUSALS } from "../../services/edge/src/http/openapi/responses.ts";

const PAGE = "PROTOCOL.md";
const meanings: Readonly<Record<number, string>> = REFUSALS;

const errors = Object.entries(ERROR_CODES).map(([code, { message, retryable }]) => [
  `\`${code}\``,
  retryable ? "yes" : "no",
  message,
]);

const statuses = [...new Set(HTTP_REFUSALS.map(({ status }) => status))]
  .toSorted((a, b) => a - b)
  .map((status) => {
    const codes = HTTP_REFUSALS.filter((refusal) => refusal.status === status);
    const named = new Set(codes.map(({ code }) => `\`${code}\``));
    return [String(status), meanings[status] ?? "not described", [...named].join(", ")];
  });

/** Replaces the table between the comments of that name. */
function withTable(page: string, name: string, [head = [], ...rows]: readonly string[][]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  const place = new RegExp(`(<!-- ${name}: [^\\n]*-->\\n)[\\s\\S]*(<!-- /${name} -->)`);
  expect(page).toMatch(place);
  return page.replace(
    place,
    (_, before: string, after: string) => `${before}\n${lines.join("\n")}\n\n${after}`,
  );
}

test("PROTOCOL.md lists every error code with its sentence, and every status with its codes", async () => {
  const page = readFileSync(PAGE, "utf8");
  const withErrors = withTable(page, "errors", [["code", "retryable", "meaning"], ...errors]);
  const whole = withTable(withErrors, "statuses", [["status", "when", "`code`"], ...statuses]);
  expect(whole).not.toContain("not described");
  await expect(whole).toMatchFileSnapshot(`../../${PAGE}`);
});
