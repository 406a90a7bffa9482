-- Takes a node off those that hear of a run.
--
-- KEYS[1]  record
-- ARGV[1]  node
--
-- Returns the nodes that still watch.
-- Invariant: never creates a record; an expired record stays gone.

local edges = redis.call('HGET', KEYS[1], 'edges')
if not edges then
  return {}
end
local left = {}
for _, node in ipairs(nodes_of(edges)) do
  if node ~= ARGV[1] then
    left[#left + 1] = node
  end
end
redis.call('HSET', KEYS[1], 'edges', table.concat(left, ' '))
return left
