import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("the address: --url, else OPENCLAW_URL, else this machine", () => {
  const env = { OPENCLAW_URL: "wss://chat.example" };
  expect(readConfig(["--url", "ws://10.0.0.1:9"], env).url).toBe("ws://10.0.0.1:9");
  expect(readConfig([], env).url).toBe("wss://chat.example");
  expect(readConfig([], {}).url).toBe("ws://127.0.0.1:8001");
});

test("a wrong one is refused by the name it was given under", () => {
  expect(() => readConfig(["--url", "nonsense"], {})).toThrow(/^--url must look like/);
  expect(() => readConfig([], { OPENCLAW_URL: "ftp://x" })).toThrow(/^OPENCLAW_URL must/);
});

test("any value of NO_COLOR turns dim text off, an empty one does not; TERM=dumb turns off all escapes", () => {
  const told = { styled: true, escapes: true };
  expect(readConfig([], { NO_COLOR: "" })).toMatchObject(told);
  expect(readConfig([], { NO_COLOR: "1" })).toMatchObject({ ...told, styled: false });
  expect(readConfig([], { TERM: "dumb" })).toMatchObject({ styled: false, escapes: false });
});
