-- A worker takes the right to write for a run: raises its epoch and appends the `started` entry.
--
-- KEYS[1]  record
-- KEYS[2]  log
-- ARGV[1]  run id
-- ARGV[2]  channel prefix
-- ARGV[3]  lease: a token unique to this claim
-- ARGV[4]  node of the worker
-- ARGV[5]  most attempts of a run
-- ARGV[6]  time to live in ms, counted again
-- ARGV[7]  resume window in ms
-- ARGV[8]  payload of the `started` entry
-- ARGV[9]  payload of the `failed` entry for a run out of attempts
-- ARGV[10] provider whose queue offered the run
-- ARGV[11] how long in ms an attempt that was heard of keeps the run from others
-- ARGV[12] for a hedge, the epoch of the attempt that has said nothing so far; '' for any other
-- ARGV[13] most attempts in a row with one provider
-- ARGV[14] payload of the `failed` entry for a run that should have been over by now
-- ARGV[15] most workers that a run may lose
-- ARGV[16] payload of the `failed` entry for a run that has lost as many
--
-- Returns {'claimed', epoch, attempt, try, begun}: begun counts all attempts that may have said something, also those
-- that were lost or released
--   | {'ended', state} | {'moved', provider} | {'exhausted'} | {'overdue'} | {'unknown'}
--   | {'lost', workers}: so many workers were lost while they worked on it
--   | {'held', ms}: another attempt is at work; ask again in so long
--   | {'out_of_tries', epoch}: this provider has had all its tries; the run may go to another one
--   | {'answering'}: the attempt that a hedge was to stand in for has its first token, or has ended.
-- Invariant: an epoch belongs to one lease. After a claim no entry of an older epoch can be appended, because its ids
-- are below the last one. So a stale worker is fenced from this moment on.
-- The epoch is a time, so this holds even where Redis forgot the last claim because a replica took over before it had
-- it. With a counter, two attempts would share a number, and a reader would splice their texts.

local record, log = KEYS[1], KEYS[2]
local is_hedge = ARGV[12] ~= ''
local state, epoch, seq, lease, edges, provider, attempts, heard_at, worker, hedger, tries, ends_by, lost, releases =
  unpack(redis.call('HMGET', record, 'state', 'epoch', 'seq', 'lease', 'edges', 'provider', 'attempts',
    'heard_at', 'worker', 'hedger', 'tries', 'ends_by', 'lost', 'releases'))
if not state then
  return { 'unknown' }
end
if is_terminal(state) then
  return { 'ended', state }
end
if provider ~= ARGV[10] and not is_hedge then
  return { 'moved', provider }
end
epoch, seq, attempts = whole(record, 'epoch', epoch), whole(record, 'seq', seq), whole(record, 'attempts', attempts)
tries, lost = whole(record, 'tries', tries or 0), whole(record, 'lost', lost or 0)
releases, heard_at = whole(record, 'releases', releases or 0), whole(record, 'heard_at', heard_at or 0)
ends_by = ends_by and whole(record, 'ends_by', ends_by)
-- The same claim again: its first answer was lost on the way.
if lease == ARGV[3] then
  return { 'claimed', epoch, attempts, tries, attempts + lost + releases }
end
if is_hedge and (state ~= 'active' or epoch ~= tonumber(ARGV[12]) or seq > 0) then
  return { 'answering' }
end
-- A claim proves nothing about its job: it may come late, from a worker or a network that stood still. It must not
-- take a healthy answer from the worker that has the job by now.
local now = now_ms()
-- The clock was set back since: the attempt counts as heard of now.
if heard_at > now then
  heard_at = now
  redis.call('HSET', record, 'heard_at', now)
end
local held_ms = not is_hedge and state == 'active' and heard_at + tonumber(ARGV[11]) - now or 0
if held_ms > 0 then
  return { 'held', held_ms }
end
local function fail(outcome, payload)
  end_run({
    id = ARGV[1], record = record, log = log, channel_prefix = ARGV[2], edges = edges,
    worker = worker, hedger = hedger, epoch = epoch, seq = seq, state = 'failed', payload = payload, window_ms = ARGV[7],
  })
  return { outcome }
end
-- The edge that was to end it in time is gone, and no reader waits for an answer that would be paid for now.
if ends_by and now > ends_by then
  return fail('overdue', ARGV[14])
end
-- A hedge is no attempt of its own: it is begun before the other has failed.
if is_hedge then
  tries = 1
elseif state == 'active' then
  -- The worker of the last attempt did not release the run. Unless that happens again and again, it is not the run's
  -- fault: this attempt replaces the lost one.
  lost = lost + 1
  if lost >= tonumber(ARGV[15]) then
    fail('lost', ARGV[16])
    return { 'lost', lost }
  end
else
  attempts, tries = attempts + 1, tries + 1
end
if attempts <= tonumber(ARGV[5]) and tries > tonumber(ARGV[13]) then
  return { 'out_of_tries', epoch }
end
if attempts > tonumber(ARGV[5]) then
  return fail('exhausted', ARGV[9])
end
if is_hedge then
  redis.call('HSET', record, 'hedged', epoch)
end
epoch = math.max(epoch + 1, now)
redis.call('XADD', log, epoch .. '-0', 'p', ARGV[8])
redis.call('HSET', record, 'state', 'active', 'epoch', epoch, 'seq', 0, 'attempts', attempts, 'tries', tries, 'lost', lost,
  'provider', ARGV[10], 'lease', ARGV[3], 'worker', ARGV[4], 'heard_at', now, 'hedger', '')
redis.call('HSETNX', record, 'started_at', now)
redis.call('PEXPIRE', record, ARGV[6])
redis.call('PEXPIRE', log, ARGV[6])
-- The other worker, if there is one, learns at once that its answer is not wanted any more.
local other = is_hedge and worker or hedger or ''
publish(ARGV[2], nodes_of(edges .. ' ' .. other), frame(ARGV[1], epoch, 0, ARGV[8]))
return { 'claimed', epoch, attempts, tries, attempts + lost + releases }
