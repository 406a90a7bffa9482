#!/bin/sh
# Starts a run with curl and prints its answer as it comes. The run continues without a reader. If the
# connection is lost, the next one begins after the last event. Needs jq.
set -eu
url=${OPENCLAW_URL:-http://127.0.0.1:8001}
key="authorization: Bearer ${OPENCLAW_API_KEY:-none}"
place=$(mktemp)
trap 'rm -f "$place"' EXIT
field() { printf '%s' "$1" | jq --join-output "$2"; }
fail() { printf '\n%s\n' "$1" >&2 && exit 1; }

# Ends with 0 after the last event, with 1 after an error, with 2 if the connection was lost.
follow() {
  curl --silent --no-buffer --header "$key" --header "Last-Event-ID: $(cat "$place")" "$url/v1/runs/$id/events" | {
    while IFS= read -r line; do
      data=${line#data: }
      case $line in
        'id: '*) next=${line#id: } ;;
        'data: {"type":"delta"'*) field "$data" .text ;;
        'data: {"type":"restart"'*) printf '\n[The answer begins again.]\n' ;;
        'data: {"type":"done"'*) printf '\n' && exit 0 ;;
        'data: {"type":"error"'*) fail "$(field "$data" '"\(.code): \(.message)"')" ;;
        'data: {"type":"cancelled"'*) fail 'The run was cancelled.' ;;
        '') printf '%s' "${next:-}" >"$place" ;;
      esac
    done
    exit 2
  }
}

run=$(jq --null-input --arg question "${1:-Why is the sky blue?}" '{message: $question}' |
  curl --silent --show-error --header "$key" --json @- "$url/v1/runs") || fail 'The connection failed.'
id=$(field "$run" '.id // halt_error') || fail "$(field "$run" '.error | "\(.code): \(.message)"')"
for _ in 1 2 3 4 5; do
  follow && exit 0
  [ $? = 2 ] || exit 1
  sleep 1
done
fail 'The connection was lost.'
