-- Gives a run to another provider's queue, after the attempt that holds it has failed; or back to its own.
--
-- KEYS[1]  record
-- KEYS[2]  log
-- ARGV[1]  run id
-- ARGV[2]  channel prefix
-- ARGV[3]  epoch of the failed attempt; 0 for a run that waits
-- ARGV[4]  the provider to ask next
-- ARGV[5]  payload of the `moved` entry, which tells readers that the run waits again, and for whom
-- ARGV[6]  the provider whose job this is: a stale one must not move a run that has gone on from there
-- ARGV[7]  why: 'failure' | 'retry', where the same provider is asked again at no cost, which its tries bound
--          | 'release', where the worker leaves
--
-- Returns 'moved' | 'fenced' | 'ended' | 'unknown'.
-- Invariant: a run is on one queue. From here on a claim for the old provider is answered `moved`. So a job that is
-- offered again there, because its worker died right now, cannot start the run twice. Entries that the failed attempt
-- still had on their way are refused.

local state, epoch, seq, edges, provider, hedger =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch', 'seq', 'edges', 'provider', 'hedger'))
if not state then
  return 'unknown'
end
if is_terminal(state) then
  return 'ended'
end
local is_waiting = ARGV[3] == '0' and state == 'queued'
if epoch ~= ARGV[3] and not is_waiting then
  return 'fenced'
end
-- The same move again: its first answer was lost on the way.
if state == 'queued' and provider == ARGV[4] then
  return 'moved'
end
if provider ~= ARGV[6] then
  return 'fenced'
end
local last = whole(KEYS[1], 'seq', seq)
whole(KEYS[1], 'epoch', epoch)
if provider ~= ARGV[4] then
  redis.call('HSET', KEYS[1], 'tries', 0)
end
if ARGV[7] == 'release' then
  -- No attempt has failed: only the run's deadline bounds how often that happens.
  if state == 'active' then
    redis.call('HINCRBY', KEYS[1], 'attempts', -1)
    redis.call('HINCRBY', KEYS[1], 'tries', -1)
    redis.call('HINCRBY', KEYS[1], 'releases', 1)
  end
-- An attempt that has said nothing and let go in order costs nothing: a chain is walked to its end.
elseif (provider ~= ARGV[4] or ARGV[7] == 'retry') and state == 'active' and seq == '0' then
  redis.call('HINCRBY', KEYS[1], 'attempts', -1)
end
seq = last + 1
redis.call('XADD', KEYS[2], epoch .. '-' .. seq, 'p', ARGV[5])
-- A run that was never claimed has no log until now.
redis.call('PEXPIRE', KEYS[2], math.max(1, redis.call('PTTL', KEYS[1])))
redis.call('HSET', KEYS[1], 'state', 'queued', 'seq', seq, 'provider', ARGV[4], 'lease', '', 'worker', '', 'hedger', '',
  'queued_at', now_ms())
publish(ARGV[2], nodes_of(edges .. ' ' .. (hedger or '')), frame(ARGV[1], tonumber(epoch), seq, ARGV[5]))
return 'moved'
