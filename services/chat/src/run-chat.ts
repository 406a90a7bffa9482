import type { ReadStream, WriteStream } from "node:tty";
import { GatewayClient, GatewayError } from "@openclaw/client";
import { WebSocket } from "ws";
import { answerOnce } from "./answer-once.ts";
import { type ChatConfig, HELP, readConfig } from "./config.ts";
import { converse } from "./converse.ts";
import { Keyboard } from "./keyboard.ts";
import { Screen } from "./screen.ts";

export interface ChatStreams {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
  /** Leave: cancels what is being answered. */
  readonly stop: AbortSignal;
}

/** Answers the exit code. */
export async function runChat(argv: readonly string[], streams: ChatStreams): Promise<number> {
  const { stdin, stdout, stderr, stop } = streams;
  let config: ChatConfig;
  try {
    config = readConfig(argv);
  } catch (error) {
    stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  if (config.help) {
    stdout.write(`${HELP}\n`);
    return 0;
  }
  // Node 20 has no WebSocket of its own.
  const client = new GatewayClient({ url: config.url, WebSocket });
  try {
    await client.connect();
    if (!stdin.isTTY) return await answerOnce(client, config, streams);
    // Where the answers go to a file, what is about them does not.
    const screen = new Screen({
      answers: stdout,
      notes: stdout.isTTY ? stdout : stderr,
      ...config,
    });
    const keyboard = new Keyboard(stdin, stdout.isTTY ? stdout : stderr);
    await converse({ client, screen, keyboard, provider: config.provider, stop });
    return 0;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    // Who interrupted it knows why.
    if (!stop.aborted) stderr.write(`${explain(error)}\n`);
    return 1;
  } finally {
    client.close();
  }
}

function explain(error: GatewayError): string {
  if (error.code !== "connection_failed") return `${error.message} (${error.code})`;
  return (
    `${error.message} Start one with \`npm start\`, ` +
    "or say where it is: --url ws://HOST:PORT, or OPENCLAW_URL."
  );
}
