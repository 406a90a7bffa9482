// Asks over a WebSocket with protocol v2, and prints the answer as it comes. Needs: npm install ws
import { WebSocket } from "ws";

const url = (process.env.OPENCLAW_URL ?? "http://127.0.0.1:8001").replace("http", "ws");
const headers = { authorization: `Bearer ${process.env.OPENCLAW_API_KEY ?? "none"}` };
const message = process.argv[2] ?? "Why is the sky blue?";

const socket = new WebSocket(`${url}/ws/stream`, "openclaw.v2", { headers });
let isOver = false;

function end(problem) {
  if (isOver) return;
  isOver = true;
  process.stdout.write("\n");
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
  socket.close();
}

const onFrame = {
  ready: () => socket.send(JSON.stringify({ type: "run", ref: "1", message })),
  delta: ({ text }) => process.stdout.write(text),
  // Another attempt begins. A terminal cannot take back what was printed.
  restart: () => process.stdout.write("\n[The answer begins again.]\n"),
  done: () => end(),
  error: ({ code, message }) => end(`${code}: ${message}`),
  cancelled: () => end("The run was cancelled."),
};

socket.on("message", (data) => {
  const frame = JSON.parse(data);
  onFrame[frame.type]?.(frame);
});
socket.on("error", (error) => end(`The connection failed: ${error.message}`));
socket.on("close", (code) => end(`The connection was closed (${code}).`));
