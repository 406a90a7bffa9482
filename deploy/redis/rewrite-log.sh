#!/bin/sh
# Has Redis write its append-only log anew, again and again: until then the log has every prompt and answer that was
# ever written to it, long after their keys have expired. Beside that Redis rewrites it whenever it has doubled.
#
#   REDISCLI_AUTH=PASSWORD rewrite-log.sh [options of redis-cli, such as -h HOST -p PORT]
#
# REDIS_REWRITE_EVERY_S: seconds between two, 3600 unless it is set. As the user `maintenance` of users.acl.

while sleep "${REDIS_REWRITE_EVERY_S:-3600}"; do
  redis-cli -e --user maintenance "$@" bgrewriteaof >/dev/null || echo "the append-only log was not rewritten" >&2
done
