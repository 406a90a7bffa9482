-- Shared by every script below; prepended when they are loaded.
--
-- A run's record is a hash:
--   state       queued | active | completed | failed | cancelled
--   epoch       of the current attempt: milliseconds since 2025 at its claim, or one more than the last; 0 before
--   seq         number of the last entry within the epoch
--   attempts    how often it was claimed, without the claims that `lost` and `releases` count
--   lost        how often its worker was lost
--   releases    how often a worker that leaves gave it back
--   tries       how often in a row its present provider was asked, without those of `lost` and `releases`
--   lease       token of the claim that holds the epoch
--   worker      node of that claim's worker, told when another node ends the run
--   hedger      node of a second worker that asks its provider while the first says nothing
--   hedged      epoch of the attempt that lost the run to such a worker
--   provider    whose queue the run is on, or was
--   edges       nodes that watch the run, separated by spaces
--   bytes       size of the log's payloads
--   ended_by    writer | order, once the run has ended
-- and these times, in milliseconds like an epoch:
--   heard_at    when the worker of the claim that holds the epoch was last heard of
--   due_at      when a run in the background must be over
--   ends_by     when it must be over, with or without readers. The edges that follow the run and the next
--               claim hold it to that.
--   queued_at   since when it waits for its present provider, or has waited
--   created_at  when it was created
--   started_at  when it was first claimed
--   first_at    when it gave its first piece
--   ended_at    when it ended
--
-- Its log is a stream with ids <epoch>-<seq>, one field 'p' per entry.

-- How long a run can be read at most that was cancelled before any attempt.
local UNBEGUN_WINDOW_MS = 30000

local function is_terminal(state)
  return state == 'completed' or state == 'failed' or state == 'cancelled'
end

local function now_ms()
  local time = redis.call('TIME')
  return (time[1] - 1735689600) * 1000 + math.floor(time[2] / 1000)
end

-- A whole number of a record. Lua compares values such as 'nan' and 'inf' without an error. So any other value fails
-- the script before it has written anything, and the error names the record.
local function whole(record, field, value)
  local number = tonumber(value or '')
  if not number or number ~= math.floor(number) or math.abs(number) > 2 ^ 53 then
    error('the field ' .. field .. ' of ' .. record .. ' is no whole number', 0)
  end
  return number
end

-- One entry as it is published: three msgpack values, then the payload, itself msgpack.
local function frame(run_id, epoch, seq, payload)
  return cmsgpack.pack(run_id, epoch, seq) .. payload
end

local function nodes_of(list)
  local nodes = {}
  for node in string.gmatch(list or '', '%S+') do
    nodes[#nodes + 1] = node
  end
  return nodes
end

-- Returns how many subscribers received it.
local function publish(channel_prefix, nodes, message)
  local heard = 0
  for _, node in ipairs(nodes) do
    heard = heard + redis.call('SPUBLISH', channel_prefix .. node, message)
  end
  return heard
end

-- Ends a run from outside its writer. The terminal entry goes behind the last entry of the current epoch, and the
-- state closes the log to all writers. The edges and the worker receive the entry.
local function end_run(run)
  local seq = run.seq + 1
  local window_ms = tonumber(run.window_ms)
  -- A client that cancels a run before any attempt can read only that answer again, and does so soon. A log of one
  -- entry takes 5 kB, and one client may create and cancel thousands of runs in a second.
  if run.state == 'cancelled' and run.epoch == 0 then
    window_ms = math.min(window_ms, UNBEGUN_WINDOW_MS)
  end
  redis.call('XADD', run.log, run.epoch .. '-' .. seq, 'p', run.payload)
  redis.call('HSET', run.record, 'state', run.state, 'seq', seq, 'ended_by', 'order', 'ended_at', now_ms())
  redis.call('PEXPIRE', run.record, window_ms)
  redis.call('PEXPIRE', run.log, window_ms)
  local nodes = nodes_of(run.edges)
  for _, worker in ipairs({ run.worker or '', run.hedger or '' }) do
    if worker ~= '' then nodes[#nodes + 1] = worker end
  end
  publish(run.channel_prefix, nodes, frame(run.id, run.epoch, seq, run.payload))
end
