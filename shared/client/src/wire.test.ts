import {
  CLOSE_CODES,
  type ErrorCode,
  isSessionId,
  V2_SUBPROTOCOL,
  type V2Down,
  type V2Limits,
  type V2Up,
} from "@openclaw/protocol";
import { expect, expectTypeOf, test } from "vitest";
import { comesBack } from "./connection.ts";
import {
  type DownFrame,
  type Limits,
  SESSION_ID,
  SUBPROTOCOL,
  type UpFrame,
  type WireErrorCode,
} from "./wire.ts";

/** A difference is an error of `npm run types`, which CI runs. */
test("the types of every frame are those of the gateway's schemas", () => {
  expectTypeOf<DownFrame>().toEqualTypeOf<V2Down>();
  expectTypeOf<UpFrame>().toEqualTypeOf<V2Up>();
  expectTypeOf<WireErrorCode>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<Readonly<Limits>>().toEqualTypeOf<V2Limits>();
});

test("so are the subprotocol, what a session may be called, and which close codes come back", () => {
  expect(SUBPROTOCOL).toBe(V2_SUBPROTOCOL);
  for (const id of ["a", "A.z_9:-", "", "a b", "ü", "x".repeat(128), "x".repeat(129)]) {
    expect(SESSION_ID.test(id)).toBe(isSessionId(id));
  }
  const forGood = Object.entries(CLOSE_CODES).filter(([, code]) => !comesBack(code));
  expect(forGood).toEqual([["invalidApiKey", 4501]]);
  expect([4499, 4500, 4999, 1006].map(comesBack)).toEqual([true, false, false, true]);
});
