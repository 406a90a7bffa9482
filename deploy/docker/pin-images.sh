#!/usr/bin/env bash
# Writes docker-compose.digests.yml, an override file that names the images of other projects by digest. A tag may
# name another image tomorrow. The script pulls the images that the tags name today. `docker compose` then uses
# these images until the script runs again:
#
#   deploy/docker/pin-images.sh && echo COMPOSE_FILE=docker-compose.yml:docker-compose.digests.yml >> .env
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pinned="services:"
while read -r service image; do
  docker pull --quiet "$image" >/dev/null
  digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | sed -n 1p)
  if [ -z "$digest" ]; then
    echo "$image has no digest: it was not pulled from a registry" >&2
    exit 1
  fi
  pinned+=$'\n'"  $service: { image: \"$digest\" }"
done < <(awk '/^  [a-z-]+:$/ { service = substr($1, 1, length($1) - 1) }
  /^    image: / && $2 !~ /^openclaw\// { print service, $2 }' docker-compose.yml)

# In one step, after the digest of every image is known.
printf '%s\n' "# Written by deploy/docker/pin-images.sh." "$pinned" > docker-compose.digests.yml.new
mv docker-compose.digests.yml.new docker-compose.digests.yml
