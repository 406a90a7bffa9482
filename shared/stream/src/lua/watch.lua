-- Adds a node to those that hear of a run.
--
-- KEYS[1]  record
-- ARGV[1]  node; it must already be subscribed to its channel
-- ARGV[2]  most nodes that may watch one run
-- ARGV[3]  session the caller belongs to; another session's run is as good as unknown
--
-- Returns {'watching', state, epoch, seq, provider} | {'full'} | {'unknown'}.
-- Invariant: whatever is appended after this is published to the node, whatever was appended before
-- is in the log; so a reader that watches first and reads the log second misses nothing.

local state, epoch, seq, provider, edges, session =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch', 'seq', 'provider', 'edges', 'session'))
if not state or session ~= ARGV[3] then
  return { 'unknown' }
end
local nodes = nodes_of(edges)
for _, node in ipairs(nodes) do
  if node == ARGV[1] then
    return { 'watching', state, tonumber(epoch), tonumber(seq), provider }
  end
end
if #nodes >= tonumber(ARGV[2]) then
  return { 'full' }
end
nodes[#nodes + 1] = ARGV[1]
redis.call('HSET', KEYS[1], 'edges', table.concat(nodes, ' '))
return { 'watching', state, tonumber(epoch), tonumber(seq), provider }
