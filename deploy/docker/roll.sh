#!/usr/bin/env bash
# Replaces every worker and edge of the compose file by one of the image and settings that are there now, under load:
#
#   docker compose build && deploy/docker/roll.sh
#
# Arguments go to every `docker compose`, such as --env-file. New replicas start beside the old ones; once they are
# well, the old ones are told to leave, all at once. A worker that leaves takes nothing more and finishes the runs it
# has. An edge sends its clients away: a v2 client resumes at another edge, a v1 client is let go when its answer is
# complete. That takes up to WORKER_DRAIN_MS and EDGE_DRAIN_MS, two minutes each, where long answers are at work.
# New ones that do not come up are removed, and leave the old ones where they are: mend it, and run this again.
# (`docker compose up` would stop all replicas of a service at once, and start new ones only then.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
compose() { docker compose "${options[@]}" "$@"; }
options=("$@")

# Of `service`, those that are not among `old`.
remove_new() {
  compose ps --all --quiet "$service" | { grep -vxFf <(printf '%s\n' "${old[@]}") || true; } |
    xargs --no-run-if-empty docker rm --force >/dev/null
}

for service in worker edge; do
  mapfile -t old < <(compose ps --quiet "$service")
  echo "$service: ${#old[@]} to replace"
  # Left there, those that are not well would be replicas to replace for the next who runs this.
  trap remove_new EXIT
  # With what they depend on, though that runs: or `docker compose stop` would not know to stop Redis last.
  compose up --detach --wait --no-recreate --scale "$service=$((2 * ${#old[@]}))" "$service"
  trap - EXIT
  # Within stop_grace_period, side by side: what one of them releases would only go to the next to leave.
  docker stop "${old[@]}" >/dev/null
  # Removed, they are no replicas any more that `docker compose up` would start again.
  docker rm "${old[@]}" >/dev/null
done
