import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { codeHash } from "./code-hash.ts";

test("copies of one build have one hash, wherever they are; any change of code has another", () => {
  const root = mkdtempSync(join(tmpdir(), "openclaw-code-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const one = join(root, "one");
  const write = (path: string, text: string, at = one) => {
    mkdirSync(join(at, path, ".."), { recursive: true });
    writeFileSync(join(at, path), text);
  };
  write("services/worker/dist/main.js", "main");
  write("shared/stream/dist/lua/claim.lua", "claim");
  write("shared/stream/package.json", "{}");
  const hashOf = (at: string) => codeHash(join(at, "services/worker/dist"));
  const hash = hashOf(one);
  expect(hash).toMatch(/^[0-9a-f]{12}$/);

  const two = join(root, "two");
  cpSync(one, two, { recursive: true });
  expect(hashOf(two)).toBe(hash);
  write("services/edge/dist/main.js", "no part of it", two);
  write("shared/stream/dist/notes.md", "no code", two);
  expect(hashOf(two)).toBe(hash);
  write("shared/stream/dist/lua/claim.lua", "claim again", two);
  expect(hashOf(two)).not.toBe(hash);
});
