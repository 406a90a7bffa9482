-- Ends a run by order: a cancel, a deadline, a queue that refused it.
--
-- KEYS[1]  record
-- KEYS[2]  log
-- ARGV[1]  run id
-- ARGV[2]  channel prefix
-- ARGV[3]  resume window in ms
-- ARGV[4]  state to end in: failed | cancelled
-- ARGV[5]  payload of the terminal entry
-- ARGV[6]  nodes that do not read the run, each between spaces: if another node watches the run, it goes on;
--          '' ends it for all readers
--
-- Returns 'ended' | 'already' | 'read_elsewhere' | 'unknown'.
-- Invariant: one terminal entry. It is appended here at once, so the run ends even if its worker is dead. The worker
-- learns of the end by message, or with its next append.

local state, epoch, seq, edges, worker, hedger =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'epoch', 'seq', 'edges', 'worker', 'hedger'))
if not state then
  return 'unknown'
end
if is_terminal(state) then
  return 'already'
end
if ARGV[6] ~= '' then
  for _, node in ipairs(nodes_of(edges)) do
    if not string.find(ARGV[6], ' ' .. node .. ' ', 1, true) then
      return 'read_elsewhere'
    end
  end
end
end_run({
  id = ARGV[1], record = KEYS[1], log = KEYS[2], channel_prefix = ARGV[2], edges = edges,
  worker = worker, hedger = hedger, epoch = whole(KEYS[1], 'epoch', epoch), seq = whole(KEYS[1], 'seq', seq),
  state = ARGV[4], payload = ARGV[5], window_ms = ARGV[3],
})
return 'ended'
