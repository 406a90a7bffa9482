-- Appends entries of many runs to their logs and publishes them, once per watching node.
--
-- KEYS     record and log of each run, in turn
-- ARGV[1]  channel prefix
-- ARGV[2]  most payload bytes of one log
-- ARGV[3]  resume window in ms
-- then for each run, in this order:
--   id           of the run
--   epoch        of the attempt
--   first        seq of the first entry
--   count        number of entries; 0 only asks
--   unpublished  how many of the entries, the first ones, are not published
--   closes       state that the last entry puts the run in; '' if it is no terminal entry
--   payloads     of the entries
--
-- Returns for each run two values: an outcome, and how many subscribers received it. The second is -1 if an earlier
-- call has published the entries and its answer was lost.
--   appended   the entries are in the log (also when an earlier call had put them there)
--   fenced     another attempt holds the run, or will
--   ended      the run has already ended, by cancel or by deadline
--   gap        the numbers do not continue the log, or the claim is gone: Redis lost what it had acknowledged
--   too_large  the log is at its limit; only a terminal entry is still taken
--   unknown    there is no such run (any more)
--   broken     its record or log cannot be worked with; Redis' words for it instead of a number of subscribers.
--              The entries of the other runs are appended and published all the same.
-- An attempt that may write is also noted as heard of, with entries or without: see claim.lua.
-- Invariant: a run's entries form one unbroken sequence per epoch, and nothing follows a terminal one.

local channel_prefix, max_bytes, window_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local batches, nodes, watchers, repeated, outcomes = {}, {}, {}, {}, {}
local cursor = 4
local now = now_ms()

local function outcome_of(run)
  -- Redis has forgotten the claim of an epoch that it does not know.
  if run.epoch > run.current then return 'gap' end
  -- An attempt that has released its run is fenced too, before the next claim.
  if run.epoch < run.current or run.state == 'queued' then return 'fenced' end
  local last = run.first + run.count - 1
  if is_terminal(run.state) then
    -- A repeated call whose first answer was lost. Only the writer's own ending counts as that.
    return run.ended_by == 'writer' and last <= run.seq and 'appended' or 'ended'
  end
  -- Also where the call only asks: no entry is on its way then, so a missing number is a lost entry.
  if run.first > run.seq + 1 then return 'gap' end
  if last <= run.seq then
    -- Already there, from a call whose answer was lost. A terminal entry that were there would have
    -- ended the run, so one with a taken number is another entry's loss.
    return run.closes == '' and 'appended' or 'gap'
  end
  if run.closes == '' and run.bytes > max_bytes then return 'too_large' end
  return 'appended'
end

local function append(run, payload_at)
  local messages = {}
  for offset = 0, run.count - 1 do
    local seq = run.first + offset
    if seq > run.seq then
      local payload = ARGV[payload_at + offset]
      redis.call('XADD', run.log, run.epoch .. '-' .. seq, 'p', payload)
      run.bytes = run.bytes + #payload
      -- A reader that misses some of them reads the log.
      if offset >= run.unpublished then
        messages[#messages + 1] = frame(run.id, run.epoch, seq, payload)
      end
    end
  end
  if #messages == 0 then
    repeated[run.index] = run.count > 0
    redis.call('HSET', run.record, 'heard_at', now)
    return
  end
  redis.call('HSET', run.record, 'seq', run.first + run.count - 1, 'bytes', run.bytes, 'heard_at', now)
  local has_piece = run.closes == '' or run.count > 1
  if run.seq == 0 and has_piece then
    redis.call('HSETNX', run.record, 'first_at', now)
  end
  if run.closes ~= '' then
    redis.call('HSET', run.record, 'state', run.closes, 'ended_by', 'writer', 'ended_at', now)
    redis.call('PEXPIRE', run.record, window_ms)
    redis.call('PEXPIRE', run.log, window_ms)
  end
  local message = table.concat(messages)
  if run.hedger and run.hedger ~= '' then
    redis.call('SPUBLISH', channel_prefix .. run.hedger, message)
    redis.call('HSET', run.record, 'hedger', '')
  end
  for _, node in ipairs(nodes_of(run.edges)) do
    if not batches[node] then
      batches[node] = {}
      nodes[#nodes + 1] = node
    end
    table.insert(batches[node], message)
    watchers[run.index] = watchers[run.index] or {}
    table.insert(watchers[run.index], node)
  end
end

local function take(index, cursor)
  local record = KEYS[2 * index - 1]
  local state, current, seq, edges, bytes, ended_by, hedger =
    unpack(redis.call('HMGET', record, 'state', 'epoch', 'seq', 'edges', 'bytes', 'ended_by', 'hedger'))
  if not state then
    outcomes[index] = 'unknown'
    return
  end
  local run = {
    index = index, record = record, log = KEYS[2 * index],
    id = ARGV[cursor], epoch = tonumber(ARGV[cursor + 1]), first = tonumber(ARGV[cursor + 2]),
    count = tonumber(ARGV[cursor + 3]), unpublished = tonumber(ARGV[cursor + 4]), closes = ARGV[cursor + 5],
    state = state, current = whole(record, 'epoch', current), seq = whole(record, 'seq', seq), edges = edges,
    bytes = whole(record, 'bytes', bytes), ended_by = ended_by, hedger = hedger,
  }
  outcomes[index] = outcome_of(run)
  if outcomes[index] == 'appended' and not is_terminal(state) then
    append(run, cursor + 6)
  end
end

local faults = {}
for index = 1, #KEYS / 2 do
  local ok, fault = pcall(take, index, cursor)
  if not ok then
    outcomes[index] = 'broken'
    faults[index] = tostring(type(fault) == 'table' and fault.err or fault)
  end
  cursor = cursor + 6 + tonumber(ARGV[cursor + 3])
end

local heard = {}
for _, node in ipairs(nodes) do
  heard[node] = redis.call('SPUBLISH', channel_prefix .. node, table.concat(batches[node]))
end

local reply = {}
for index = 1, #KEYS / 2 do
  local listeners = 0
  for _, node in ipairs(watchers[index] or {}) do
    listeners = listeners + heard[node]
  end
  reply[2 * index - 1] = outcomes[index]
  reply[2 * index] = faults[index] or repeated[index] and -1 or listeners
end
return reply
