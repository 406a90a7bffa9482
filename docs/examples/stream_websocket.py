"""Asks over a WebSocket with protocol v1 and prints the answer as it comes. Needs: pip install websockets"""
import asyncio
import contextlib
import json
import os
import sys

import websockets

URL = os.environ.get("OPENCLAW_URL", "http://127.0.0.1:8001").replace("http", "ws", 1)
KEY = os.environ.get("OPENCLAW_API_KEY", "none")
QUESTION = sys.argv[1] if len(sys.argv) > 1 else "Why is the sky blue?"


def signal_in(frame):
    """Returns the signal in a frame, or None if the frame is a piece of the answer."""
    with contextlib.suppress(json.JSONDecodeError):
        signal = json.loads(frame)
        return signal if isinstance(signal, dict) else None


async def main():
    async with websockets.connect(f"{URL}/ws/stream?api_key={KEY}") as socket:
        await socket.send(json.dumps({"message": QUESTION}))
        async for frame in socket:
            signal = signal_in(frame)
            if signal is None:
                print(frame, end="", flush=True)
            elif signal["type"] == "error":
                sys.exit(f"\n{signal['code']}: {signal['message']}")
            elif signal["type"] == "done":
                return print()
    sys.exit("\nThe connection was closed in the middle of the answer.")


try:
    asyncio.run(main())
except (OSError, websockets.exceptions.WebSocketException) as error:
    sys.exit(f"\nThe connection failed: {error}")
