import type { RedisClient } from "@openclaw/runtime";

/** All keys of one prefix, in one step: no client sees some of them changed and others not. */
const SET_BACK = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, left + ARGV[2]) end
  if redis.call('TYPE', key).ok == 'hash' then
    for _, field in ipairs({ 'heard_at', 'created_at', 'queued_at', 'started_at', 'first_at', 'due_at', 'ends_by' }) do
      local at = redis.call('HGET', key, field)
      if at then redis.call('HSET', key, field, at + ARGV[2]) end
    end
  end
end`;

/**
 * Makes everything under a prefix look as after the clock of a single Redis was set back. Keys expire later, and
 * written times are in the future.
 */
export async function setClockBack(
  redis: Pick<RedisClient, "eval">,
  prefix: string,
  byMs: number,
): Promise<void> {
  await redis.eval(SET_BACK, 0, `${prefix}*`, byMs);
}
