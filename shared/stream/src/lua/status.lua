-- Tells how a run fares.
--
-- KEYS[1]  record
--
-- Returns {} for an unknown run, else {now, state, provider, epoch, seq, attempts, created_at, started_at, first_at,
-- ended_at, due_at}. Times are in milliseconds like an epoch, '' for what has not happened.
-- The attempts include those that were lost or released.
-- Invariant: all times are of one clock, that of Redis, so that they may be subtracted.

local fields = redis.call('HMGET', KEYS[1], 'state', 'provider', 'epoch', 'seq', 'attempts', 'created_at',
  'started_at', 'first_at', 'ended_at', 'due_at')
if not fields[1] then
  return {}
end
local reply = { now_ms() }
for index = 1, 10 do
  reply[index + 1] = fields[index] or ''
end
for _, field in ipairs(redis.call('HMGET', KEYS[1], 'lost', 'releases')) do
  reply[6] = tonumber(reply[6]) + tonumber(field or 0)
end
reply[6] = tostring(reply[6])
return reply
