import {
  CLOSE_CODES,
  type ErrorCode,
  isSessionId as isGatewaySessionId,
  V2_SUBPROTOCOL,
  type V2Down,
  type V2Limits,
  type V2Up,
} from "@openclaw/protocol";
import { expect, expectTypeOf, test } from "vitest";
import { comesBack } from "./connection.ts";
import {
  type DownFrame,
  isSessionId,
  type Limits,
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
  const ids = ["a", "A.z_9:-", "", "a b", "张三", "a\n", "\u0085", "\ud83d", "x".repeat(256)];
  for (const id of [...ids, "x".repeat(257), "张".repeat(85), "张".repeat(86)]) {
    expect(isSessionId(id), id).toBe(isGatewaySessionId(id));
  }
  const forGood = Object.entries(CLOSE_CODES).filter(([, code]) => !comesBack(code));
  expect(forGood).toEqual([["invalidApiKey", 4501]]);
  expect([4499, 4500, 4999, 1006].map(comesBack)).toEqual([true, false, false, true]);
});
