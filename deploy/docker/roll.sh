#!/usr/bin/env bash
# Replaces every worker and edge of the compose file under load. The new ones have the present image and settings:
#
#   docker compose build && deploy/docker/roll.sh
#
# Arguments go to every `docker compose`, such as --env-file. New replicas start beside the old ones. When the new
# ones are healthy, all old ones are told to leave at once. A worker that leaves takes no new runs and finishes its
# own. An edge that leaves sends its clients away. A v2 client resumes at another edge, and a v1 client goes when
# its answer is complete. With long answers, this takes up to WORKER_DRAIN_MS and EDGE_DRAIN_MS, 130 s each. If the
# new replicas do not become healthy, they are removed, and the old ones stay. Find the cause, and run this again.
# (`docker compose up` would stop all replicas of a service first, and start new ones only then.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
compose() { docker compose "${options[@]}" "$@"; }
options=("$@")

# Prints the containers of `service` that are not among `old`.
remove_new() {
  compose ps --all --quiet "$service" | { grep -vxFf <(printf '%s\n' "${old[@]}") || true; } |
    xargs --no-run-if-empty docker rm --force >/dev/null
}

for service in worker edge; do
  mapfile -t old < <(compose ps --quiet "$service")
  echo "$service: ${#old[@]} to replace"
  # Unhealthy replicas must go: the next run of this script would take them for replicas to replace.
  trap remove_new EXIT
  # Names the dependencies too, although they run. Otherwise `docker compose stop` would not stop Redis last.
  compose up --detach --wait --no-recreate --scale "$service=$((2 * ${#old[@]}))" "$service"
  trap - EXIT
  # All at once, within stop_grace_period. One after the other, a released run would go to the replica that leaves
  # next.
  docker stop "${old[@]}" >/dev/null
  # Removed, so that `docker compose up` does not start them again.
  docker rm "${old[@]}" >/dev/null
done
