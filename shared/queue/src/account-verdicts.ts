/**
 * What the whole cluster knows of a provider account that may be refused: its key, its quota, its model.
 *
 * Many workers see the same refusals at once, and each would ask the account for itself. So a question
 * needs a key in Redis that only one worker can write, and that expires. The answer is a second key, from which the
 * other workers learn. Both keys expire: a worker that dies with a question in flight delays the others no longer
 * than that.
 */
import type { RedisClient } from "@openclaw/runtime";

/** How long a verdict outlives the next question: it may take as long as a slow first token. */
const OUTLIVES_MS = 60_000;

/** The result of the last question to an account that is refused. */
export interface RefusedAccount {
  /** The failure that it is refused with. A worker of another version may know more codes. */
  readonly code: string;
  /** The time between the last question and the next one. */
  readonly waitMs: number;
}

/** The verdict on one account. Every method throws what Redis throws. */
export interface AccountVerdict {
  /** Whether this process may ask now. If so, no process may for so long. */
  mayAsk(forMs: number): Promise<boolean>;
  /** Undefined where no worker holds the account for refused. */
  read(): Promise<RefusedAccount | undefined>;
  refused(account: RefusedAccount): Promise<void>;
  /** The account answers. The next question may be asked a second later. */
  accepted(): Promise<void>;
}

/** Questions to one account are at least so far apart. */
export const ASK_EVERY_MS = 1_000;

export interface AccountVerdictsOptions {
  /** A command connection: nothing here waits longer than its deadline. */
  readonly redis: RedisClient;
  readonly keyPrefix: string;
}

export class AccountVerdicts {
  readonly #options: AccountVerdictsOptions;

  constructor(options: AccountVerdictsOptions) {
    this.#options = options;
  }

  /** @param account its id in the cluster: the same for all workers that ask with the same key */
  of(account: string): AccountVerdict {
    const { redis, keyPrefix } = this.#options;
    const asked = `${keyPrefix}account:${account}:asked`;
    const refused = `${keyPrefix}account:${account}:refused`;
    return {
      mayAsk: async (forMs) => (await redis.set(asked, "1", "PX", forMs, "NX")) === "OK",
      read: async () => parse(await redis.get(refused)),
      refused: async ({ code, waitMs }) => {
        await redis.set(refused, `${code} ${waitMs}`, "PX", waitMs + OUTLIVES_MS);
      },
      accepted: async () => {
        await redis.del(refused);
        await redis.set(asked, "1", "PX", ASK_EVERY_MS);
      },
    };
  }
}

function parse(value: string | null): RefusedAccount | undefined {
  const [code = "", wait] = value?.split(" ") ?? [];
  const waitMs = Number(wait);
  // A value of another version counts as no value.
  return code !== "" && waitMs > 0 ? { code, waitMs } : undefined;
}
