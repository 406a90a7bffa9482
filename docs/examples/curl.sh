#!/bin/sh
# Asks with curl and prints the answer as it comes. Needs jq, which writes and reads the JSON.
set -eu
url=${OPENCLAW_URL:-http://127.0.0.1:8001}
key="authorization: Bearer ${OPENCLAW_API_KEY:-none}"
question=${1:-Why is the sky blue?}

# An event is a line `data: {...}`, and a refusal is a line of JSON. Other lines are comments or empty.
answer='
  def told: "\n\(.code): \(.message)\n" | halt_error(1);
  (inputs
    | select(startswith("data: ") or startswith("{"))
    | ltrimstr("data: ")
    | if . == "[DONE]" then "\n", halt else fromjson end
    | if type == "string" then . elif .error then .error | told else .choices[0].delta.content end
    | values),
  ("\nThe answer broke off.\n" | halt_error(1))'

jq --null-input --arg question "$question" \
  '{model: "auto", stream: true, messages: [{role: "user", content: $question}]}' |
  curl --silent --show-error --no-buffer --header "$key" --json @- "$url/v1/chat/completions" |
  jq --null-input --raw-input --join-output --unbuffered "$answer"
