#!/bin/sh
# Makes Redis rewrite its append-only log at a fixed interval. Until a rewrite, the log has every prompt and answer
# that was written to it, long after their keys have expired. Redis also rewrites the log by itself whenever it has
# doubled.
#
#   REDISCLI_AUTH=PASSWORD rewrite-log.sh [options of redis-cli, such as -h HOST -p PORT]
#
# REDIS_REWRITE_EVERY_S is the time between two rewrites in seconds (3600 by default). The script logs in as the
# user `maintenance` of users.acl.

while sleep "${REDIS_REWRITE_EVERY_S:-3600}"; do
  redis-cli -e --user maintenance "$@" bgrewriteaof >/dev/null || echo "the append-only log was not rewritten" >&2
done
