// Asks with the gateway's own SDK and prints the answer as it comes. Needs: npm run build
// If the connection is lost, the answer continues over another one.
import { GatewayClient, RestartedError } from "@openclaw/client";
import { WebSocket } from "ws"; // Only Node 20 needs it: browsers and later versions have a WebSocket.

const { OPENCLAW_URL = "http://127.0.0.1:8001", OPENCLAW_API_KEY = "none" } = process.env;
const client = new GatewayClient({
  url: `${OPENCLAW_URL}?api_key=${OPENCLAW_API_KEY}`,
  WebSocket,
  giveUpMs: 10_000,
});

async function print(run) {
  try {
    for await (const text of run) process.stdout.write(text);
  } catch (error) {
    if (!(error instanceof RestartedError)) throw error;
    // Another attempt says something else. A terminal cannot take back what was printed.
    process.stdout.write("\n[The answer begins again.]\n");
    await print(run);
  }
}

try {
  await client.connect();
  await print(client.run(process.argv[2] ?? "Why is the sky blue?"));
  process.stdout.write("\n");
} catch (error) {
  console.error(`\n${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  client.close();
}
