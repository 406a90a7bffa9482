-- Finds background runs of one partition that must be over by now.
--
-- KEYS[1]  background runs of the partition, by when they must be over
-- ARGV[1]  most of them at once
--
-- Returns their ids, the longest overdue first. They stay on the list until they are taken off: the edge that asks
-- may die before it has ended them.

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])
