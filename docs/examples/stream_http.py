"""Asks over plain HTTP and prints the answer as it comes. Needs only Python."""
import http.client
import json
import os
import sys
import urllib.error
import urllib.request

URL = os.environ.get("OPENCLAW_URL", "http://127.0.0.1:8001")
KEY = os.environ.get("OPENCLAW_API_KEY", "none")
QUESTION = sys.argv[1] if len(sys.argv) > 1 else "Why is the sky blue?"

body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
request = urllib.request.Request(f"{URL}/v1/chat/completions", json.dumps(body).encode(), headers)


def print_answer(response):
    for line in response:
        if not line.startswith(b"data: "):
            continue  # an empty line between events, or a comment that keeps the connection alive
        data = line[len(b"data: ") :].strip()
        if data == b"[DONE]":
            return print()
        chunk = json.loads(data)
        if "error" in chunk:
            sys.exit(f"\n{chunk['error']['code']}: {chunk['error']['message']}")
        print(chunk["choices"][0]["delta"].get("content", ""), end="", flush=True)
    sys.exit("\nThe answer broke off.")


try:
    print_answer(urllib.request.urlopen(request, timeout=60))
except urllib.error.HTTPError as error:
    reason = json.load(error)["error"]
    sys.exit(f"{reason['code']}: {reason['message']}")
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"\nThe connection failed: {error}")
