-- Redis' clock was set back: an attempt that was heard of in what is the future now counts as heard of now.
--
-- KEYS[1]  record
--
-- Returns nothing.
-- Invariant: a run whose worker died is held against others no longer than after any other death.

local heard_at = redis.call('HGET', KEYS[1], 'heard_at')
heard_at = heard_at and whole(KEYS[1], 'heard_at', heard_at)
local now = now_ms()
if heard_at and heard_at > now then
  redis.call('HSET', KEYS[1], 'heard_at', now)
end
