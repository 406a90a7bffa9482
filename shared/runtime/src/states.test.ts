import { expect, test } from "vitest";
import { type Moves, moved } from "./states.ts";

const MOVES: Moves<"open" | "closed"> = { open: ["closed"], closed: [] };

test("answers the new state of a listed move, and refuses any other", () => {
  expect(moved(MOVES, "open", "closed")).toBe("closed");
  expect(() => moved(MOVES, "closed", "open")).toThrow("no move from closed to open");
  expect(() => moved(MOVES, "closed", "closed")).toThrow("no move from closed to closed");
});
