// Asks with OpenAI's own library and prints the answer as it comes. Needs: npm install openai@6
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: `${process.env.OPENCLAW_URL ?? "http://127.0.0.1:8001"}/v1`,
  apiKey: process.env.OPENCLAW_API_KEY ?? "none",
});

try {
  const stream = client.chat.completions.stream({
    model: "auto",
    messages: [{ role: "user", content: process.argv[2] ?? "Why is the sky blue?" }],
  });
  stream.on("content", (text) => process.stdout.write(text));
  // Rejects if the answer did not come to its end.
  await stream.done();
  process.stdout.write("\n");
} catch (error) {
  console.error(`\n${error.code ?? error.name}: ${error.message}`);
  process.exitCode = 1;
}
