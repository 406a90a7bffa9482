-- Creates the record of a run that is about to be queued.
--
-- KEYS[1]  record
-- ARGV[1]  time to live in ms, for a run that nobody ever ends
-- ARGV[2]  node of the edge that watches it
-- ARGV[3]  provider
-- ARGV[4]  session
-- ARGV[5]  for a run that goes on though nobody reads it, after how many ms it must be over; '' for any other
-- ARGV[6]  unique to this submission, which may be repeated
--
-- Returns 1, also when called again for the same submission after an answer was lost; 0 when the id is taken.
-- Invariant: a record never changes hands; a second create cannot reset a run that already moved.

local submission = redis.call('HGET', KEYS[1], 'submission')
if submission then
  return submission == ARGV[6] and 1 or 0
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', 'queued', 'epoch', 0, 'seq', 0, 'attempts', 0, 'bytes', 0,
  'edges', ARGV[2], 'provider', ARGV[3], 'session', ARGV[4], 'submission', ARGV[6], 'created_at', now)
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'due_at', now + tonumber(ARGV[5]))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
