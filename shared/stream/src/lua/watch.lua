-- Adds a node to those that hear of a run.
--
-- KEYS[1]  record
-- ARGV[1]  node; it must already be subscribed to its channel
-- ARGV[2]  most nodes that may watch one run
-- ARGV[3]  session of the caller; a run of another session is answered as unknown. '' for a caller that may read any
--          run whose id it knows
--
-- Returns {'watching', state, epoch, seq, provider, session, due_in, left, waited} | {'full'} | {'unknown'}.
--   due_in  ms until a run in the background must be over; '' for a run that ends with its readers
--   left    ms until the run must be over; '' if its creation set no limit
--   waited  ms that it has waited for a worker; '' if it does not wait
--
-- Invariant: entries that are appended after this are published to the node, and earlier ones are in the log. So a
-- reader that watches first and reads the log second misses nothing.

local state, epoch, seq, provider, edges, session, due_at, ends_by, queued_at, created_at =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch', 'seq', 'provider', 'edges', 'session', 'due_at', 'ends_by',
    'queued_at', 'created_at'))
if not state or (ARGV[3] ~= '' and session ~= ARGV[3]) then
  return { 'unknown' }
end
-- A clock that was set back gives no run more time than it had, and makes no wait negative.
local now = math.max(now_ms(), whole(KEYS[1], 'created_at', created_at or 0))
local due_in = due_at and whole(KEYS[1], 'due_at', due_at) - now or ''
local left = ends_by and whole(KEYS[1], 'ends_by', ends_by) - now or due_in
local waited = state == 'queued' and math.max(0, now - whole(KEYS[1], 'queued_at', queued_at or now)) or ''
local watching = { 'watching', state, whole(KEYS[1], 'epoch', epoch), whole(KEYS[1], 'seq', seq), provider, session, due_in, left, waited }
local nodes = nodes_of(edges)
for _, node in ipairs(nodes) do
  if node == ARGV[1] then
    return watching
  end
end
if #nodes >= tonumber(ARGV[2]) then
  return { 'full' }
end
nodes[#nodes + 1] = ARGV[1]
redis.call('HSET', KEYS[1], 'edges', table.concat(nodes, ' '))
return watching
