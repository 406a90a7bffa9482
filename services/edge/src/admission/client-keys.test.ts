import { expect, test } from "vitest";
import { ClientKeys } from "./client-keys.ts";

const none = { authorization: "", apiKey: undefined };

test("without keys every client is accepted", () => {
  expect(new ClientKeys([]).accept(none)).toBe(true);
});

test.each([
  [{ authorization: "Bearer second-key", apiKey: undefined }, true],
  [{ authorization: "bearer  second-key ", apiKey: undefined }, true],
  [{ authorization: "", apiKey: "first-key" }, true],
  [{ authorization: "Bearer first-key", apiKey: "wrong" }, true],
  [{ authorization: "Bearer wrong", apiKey: "first-key" }, false],
  [{ authorization: "Basic first-key", apiKey: undefined }, false],
  [{ authorization: "Bearer first-ke", apiKey: undefined }, false],
  [{ authorization: "Bearer ", apiKey: undefined }, false],
  [none, false],
])("with keys, %o is accepted: %s", (credentials, isAccepted) => {
  expect(new ClientKeys(["first-key", "second-key"]).accept(credentials)).toBe(isAccepted);
});
