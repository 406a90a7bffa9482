import { expect, test } from "vitest";
import { createLogger } from "./log.ts";

function logged(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  let line = "";
  write(
    createLogger(
      { service: "test", level: "info" },
      {
        write: (text) => {
          line += text;
        },
      },
    ),
  );
  return JSON.parse(line);
}

test("an error's own properties stay out: ioredis puts the whole command there, prompt and all", () => {
  const error = Object.assign(new Error("WRONGTYPE", { cause: new TypeError("inner") }), {
    code: "E1",
    command: { name: "evalsha", args: ["my secret question"] },
  });
  const line = logged((log) => log.warn({ runId: "r", err: error }, "run not submitted"));
  expect(JSON.stringify(line)).not.toContain("secret");
  expect(line).toMatchObject({
    service: "test",
    runId: "r",
    msg: "run not submitted",
    err: { type: "Error", message: "WRONGTYPE", code: "E1", cause: { type: "TypeError" } },
  });
});

test("a key in an object that was logged by mistake is redacted", () => {
  const extraBody = { cache_salt: "salt-secret" };
  const config = { apiKey: "nvapi-secret", extraBody };
  const line = logged((log) => log.info({ providers: { a: config }, config, ...config }, "oops"));
  expect(JSON.stringify(line)).not.toContain("-secret");
});
