/** Everything the chat is told from outside: the command line and the environment. */
import { parseArgs } from "node:util";

const DEFAULT_URL = "ws://127.0.0.1:8001";

export const HELP = `Talks to a gateway in the terminal.

  npm run chat -- [--url ws://HOST:PORT] [--provider NAME]
  echo "question" | npm run --silent chat

  --url       the gateway (default OPENCLAW_URL, else ${DEFAULT_URL})
  --provider  who is to answer: a provider, a group, or auto (default: the gateway's own)
  --help      this text

With a question on its standard input it prints the answer and nothing else, and exits with 0, or
with 1 and the reason on standard error. NO_COLOR turns dim text off; with TERM=dumb the terminal
gets no escape sequence at all.`;

export interface ChatConfig {
  readonly url: string;
  readonly provider: string | undefined;
  readonly help: boolean;
  /** Whether text may be dim, where it goes to a terminal. */
  readonly styled: boolean;
  /** Whether the terminal understands escape sequences. */
  readonly escapes: boolean;
}

/** @throws Error with one sentence for the person at the keyboard */
export function readConfig(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChatConfig {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      url: { type: "string" },
      provider: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const url = values.url || env.OPENCLAW_URL || DEFAULT_URL;
  if (!/^(wss?|https?):$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    const name = values.url ? "--url" : "OPENCLAW_URL";
    throw new Error(`${name} must look like ${DEFAULT_URL}, not "${url}".`);
  }
  const escapes = env.TERM !== "dumb";
  const styled = escapes && !env.NO_COLOR;
  return { url, provider: values.provider || undefined, help: values.help, styled, escapes };
}
