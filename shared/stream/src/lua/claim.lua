-- A worker takes the right to write for a run: raises its epoch and appends the `started` entry.
--
-- KEYS[1]  record
-- KEYS[2]  log
-- ARGV[1]  run id
-- ARGV[2]  channel prefix
-- ARGV[3]  lease: a token unique to this claim
-- ARGV[4]  node of the worker
-- ARGV[5]  most attempts of a run
-- ARGV[6]  time to live in ms, counted anew
-- ARGV[7]  resume window in ms
-- ARGV[8]  payload of the `started` entry
-- ARGV[9]  payload of the `failed` entry for a run out of attempts
-- ARGV[10] provider whose queue offered the run
-- ARGV[11] how long in ms an attempt that was heard of keeps the run from others
--
-- Returns {'claimed', epoch, attempt} | {'ended', state} | {'moved', provider} | {'exhausted'} | {'unknown'}
--   | {'held', ms}: another attempt is at work; ask again in so long.
-- Invariant: an epoch belongs to one lease. After a claim nothing of an older epoch can be appended,
-- because its ids are below the last one; so a stale worker is fenced from this moment on.
-- The epoch is a time, so that this holds even where Redis forgot the last claim (a replica took over
-- before it heard of it): counted, two attempts would share a number, and a reader splice their texts.

local record, log = KEYS[1], KEYS[2]
local state, epoch, seq, lease, edges, provider, attempts, heard_at = unpack(redis.call('HMGET', record,
  'state', 'epoch', 'seq', 'lease', 'edges', 'provider', 'attempts', 'heard_at'))
if not state then
  return { 'unknown' }
end
if is_terminal(state) then
  return { 'ended', state }
end
if provider ~= ARGV[10] then
  return { 'moved', provider }
end
epoch, seq = tonumber(epoch), tonumber(seq)
-- The same claim again: its first answer was lost on the way.
attempts = tonumber(attempts)
if lease == ARGV[3] then
  return { 'claimed', epoch, attempts }
end
-- A claim proves nothing about the job it was made for: it may come from a worker that stood still, or
-- out of a network that did. It must not take a healthy answer from whoever has the job by now.
local now = now_ms()
local held_ms = state == 'active' and tonumber(heard_at) + tonumber(ARGV[11]) - now or 0
if held_ms > 0 then
  return { 'held', held_ms }
end
if attempts >= tonumber(ARGV[5]) then
  end_run({
    id = ARGV[1], record = record, log = log, channel_prefix = ARGV[2], edges = edges,
    epoch = epoch, seq = seq, state = 'failed', payload = ARGV[9], window_ms = ARGV[7],
  })
  return { 'exhausted' }
end
epoch = math.max(epoch + 1, now)
redis.call('XADD', log, epoch .. '-0', 'p', ARGV[8])
redis.call('HSET', record, 'state', 'active', 'epoch', epoch, 'seq', 0, 'attempts', attempts + 1,
  'lease', ARGV[3], 'worker', ARGV[4], 'heard_at', now)
redis.call('PEXPIRE', record, ARGV[6])
redis.call('PEXPIRE', log, ARGV[6])
publish(ARGV[2], nodes_of(edges), frame(ARGV[1], epoch, 0, ARGV[8]))
return { 'claimed', epoch, attempts + 1 }
