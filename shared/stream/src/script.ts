import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RedisClient } from "@openclaw/runtime";

export type ScriptArgument = string | number | Buffer;

const lib = read("lib");

/**
 * A Lua script of this package. Sent once per Redis (EVAL), then by its hash (EVALSHA).
 *
 * The answer comes as Redis types map to JavaScript: callers know the shape from the header of
 * the `.lua` file.
 */
export class Script {
  readonly #source: string;
  readonly #sha: string;

  constructor(name: string) {
    this.#source = `${lib}\n${read(name)}`;
    this.#sha = createHash("sha1").update(this.#source).digest("hex");
  }

  async run(
    redis: RedisClient,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return await redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}

function read(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
}
