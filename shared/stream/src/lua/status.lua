-- Tells how a run fares.
--
-- KEYS[1]  record
--
-- Returns {} for a run that is not known, else {now, state, provider, epoch, seq, attempts, created_at,
-- started_at, first_at, ended_at, due_at}: times in milliseconds like an epoch, '' where that has not happened.
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
return reply
