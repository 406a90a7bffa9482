-- A second worker asks its provider as well, as long as the first has said nothing.
--
-- KEYS[1]  record
-- ARGV[1]  epoch of the attempt that has said nothing
-- ARGV[2]  node of the second worker, told when the matter is decided
--
-- Returns 'open' | 'over' | 'won'.
--   won   an earlier worker of this hedge has claimed the run, which is this job's since then
-- Invariant: asking changes nothing of the run. The claim alone decides which attempt may write.

local state, epoch, seq, hedged = unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch', 'seq', 'hedged'))
if hedged == ARGV[1] then
  return 'won'
end
if state ~= 'active' or epoch ~= ARGV[1] or seq ~= '0' then
  return 'over'
end
redis.call('HSET', KEYS[1], 'hedger', ARGV[2])
return 'open'
