-- Gives a run to another provider's queue, after the attempt that holds it has failed.
--
-- KEYS[1]  record
-- ARGV[1]  epoch of the failed attempt
-- ARGV[2]  the provider to ask next
--
-- Returns 'moved' | 'fenced' | 'ended' | 'unknown'.
-- Invariant: a run is on one queue. From here on a claim for the old provider is answered `moved`, so
-- that a job that is offered again there (its worker died right now) cannot start the run twice.

local state, epoch = unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch'))
if not state then
  return 'unknown'
end
if is_terminal(state) then
  return 'ended'
end
if epoch ~= ARGV[1] then
  return 'fenced'
end
redis.call('HSET', KEYS[1], 'state', 'queued', 'provider', ARGV[2], 'lease', '', 'worker', '')
return 'moved'
