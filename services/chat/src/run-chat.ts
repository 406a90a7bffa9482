import { GatewayClient, GatewayError } from "@openclaw/client";
import { WebSocket } from "ws";
import { answerOnce } from "./answer-once.ts";
import type { ChatStreams } from "./chat-streams.ts";
import { type ChatConfig, HELP, readConfig } from "./config.ts";
import { converse } from "./converse.ts";
import { Keyboard } from "./keyboard.ts";
import { exitCodeOf, isWriteError, wholeOutput, writeWhole } from "./output.ts";
import { Screen } from "./screen.ts";

/** Answers the exit code. */
export async function runChat(argv: readonly string[], streams: ChatStreams): Promise<number> {
  const { stdout, stderr, stop } = streams;
  let config: ChatConfig;
  try {
    config = readConfig(argv);
  } catch (error) {
    stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  try {
    if (config.help) await writeWhole(stdout, `${HELP}\n`);
    else await talk(config, streams);
    return 0;
  } catch (error) {
    if (isWriteError(error)) return exitCodeOf(error, stderr);
    if (!(error instanceof GatewayError)) throw error;
    // Who interrupted it knows why.
    if (!stop.aborted) stderr.write(`${explain(error)}\n`);
    return 1;
  }
}

async function talk(config: ChatConfig, streams: ChatStreams): Promise<void> {
  // Node 20 has no WebSocket of its own.
  const client = new GatewayClient({ url: config.url, WebSocket });
  try {
    await client.connect();
    if (streams.stdin.isTTY) await talkInTerminal(client, config, streams);
    else await answerOnce(client, config, streams);
  } finally {
    client.close();
  }
}

async function talkInTerminal(
  client: GatewayClient,
  { provider, styled, escapes }: ChatConfig,
  { stdin, stdout, stderr, stop }: ChatStreams,
): Promise<void> {
  // Where the answers go to a file, what is about them does not.
  const output = stdout.isTTY ? stdout : stderr;
  const screen = new Screen({ answers: wholeOutput(stdout), notes: output, styled });
  const keyboard = new Keyboard({ input: stdin, output, escapes: escapes && output.isTTY });
  try {
    await converse({ client, screen, keyboard, provider, stop });
  } finally {
    keyboard.close();
  }
}

function explain(error: GatewayError): string {
  if (error.code !== "connection_failed") return `${error.message} (${error.code})`;
  return (
    `${error.message} Start one with \`npm start\`, ` +
    "or say where it is: --url ws://HOST:PORT, or OPENCLAW_URL."
  );
}
