-- Creates the record of a run that is about to be queued.
--
-- KEYS[1]  record
-- KEYS[2]  background runs of its partition, by when they must be over
-- ARGV[1]  time to live in ms, for a run that never ends
-- ARGV[2]  node of the edge that watches it
-- ARGV[3]  provider
-- ARGV[4]  session
-- ARGV[5]  for a run in the background, after how many ms it must be over; '' for any other
-- ARGV[6]  unique to this submission, which may be repeated
-- ARGV[7]  run id
-- ARGV[8]  after how many ms it must be over, with or without readers; '' for no limit
--
-- Returns 'created', also when called again for the same submission after an answer was lost.
--   'waiting'  the id is taken, by this session, and no worker has claimed that run. The edge that created it may
--              have died before it put the run on its queue.
--   'taken'    the id is taken.
-- Invariant: a record never changes hands; a second create cannot reset a run that already moved.

local submission, session, state, epoch =
  unpack(redis.call('HMGET', KEYS[1], 'submission', 'session', 'state', 'epoch'))
if submission then
  if submission == ARGV[6] then
    return 'created'
  end
  return session == ARGV[4] and state == 'queued' and epoch == '0' and 'waiting' or 'taken'
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', 'queued', 'epoch', 0, 'seq', 0, 'attempts', 0, 'bytes', 0,
  'edges', ARGV[2], 'provider', ARGV[3], 'session', ARGV[4], 'submission', ARGV[6], 'created_at', now,
  'queued_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if ARGV[5] ~= '' then
  local due_at = now + tonumber(ARGV[5])
  redis.call('HSET', KEYS[1], 'due_at', due_at)
  redis.call('ZADD', KEYS[2], due_at, ARGV[7])
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'ends_by', now + tonumber(ARGV[8]))
end
return 'created'
