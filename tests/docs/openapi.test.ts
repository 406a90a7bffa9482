/** Keeps docs/openapi.json in step with what an edge serves, and lints it; `npm test -- --update` rewrites it. */
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { openApiDocument } from "../../services/edge/src/http/openapi/openapi-document.ts";

const document = `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;

test("docs/openapi.json is what an edge serves", async () => {
  await expect(document).toMatchFileSnapshot("../../docs/openapi.json");
});

test("the OpenAPI document is one, by the recommended rules of its linter", async () => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      // The gateway's licence is not that of its interface.
      "info-license": "off",
      // A request that cannot be wrong has no 4xx.
      "operation-4xx-response": "off",
    },
  });
  const problems = await lintFromString({ source: document, config });
  const told = problems.map(({ ruleId, message, location }) => {
    return `${location[0]?.pointer} ${ruleId}: ${message}`;
  });
  expect(told).toEqual([]);
});
