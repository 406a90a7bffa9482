/** Keeps the table of errors in PROTOCOL.md in step; `npm test -- --update` rewrites it. */
import { readFileSync } from "node:fs";
import { ERROR_CODES } from "@openclaw/protocol";
import { expect, test } from "vitest";

const PAGE = "PROTOCOL.md";

test("PROTOCOL.md lists every error code with its sentence", async () => {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { message, retryable }]) =>
      `| \`${code}\` | ${retryable ? "yes" : "no"} | ${message} |`,
  );
  const table = ["| code | retryable | meaning |", "| --- | --- | --- |", ...rows].join("\n");
  const page = readFileSync(PAGE, "utf8").replace(
    /(<!-- errors: [^\n]*-->\n)[\s\S]*(<!-- \/errors -->)/,
    (_, before: string, after: string) => `${before}\n${table}\n\n${after}`,
  );
  await expect(page).toMatchFileSnapshot(`../../${PAGE}`);
});
