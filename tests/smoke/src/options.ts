import { parseArgs } from "node:util";

export const HELP = `Checks a running gateway as one of its users would.

  npm run smoke -- [--url ws://HOST:PORT] [--message TEXT]

  --url      the gateway, without a path (default ws://127.0.0.1:8001); its key, if it has any: ?api_key=KEY
  --message  what to ask (default: one short question)

Exit code 0 when every check passed, 1 otherwise.`;

export interface Options {
  readonly url: URL;
  readonly message: string;
}

/** @throws Error with one sentence for the person at the keyboard; `undefined` asks for help */
export function parseOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      url: { type: "string", default: "ws://127.0.0.1:8001" },
      message: { type: "string", default: "In one sentence: why is the sky blue?" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const url = URL.canParse(values.url) ? new URL(values.url) : undefined;
  if (!url || !["ws:", "wss:"].includes(url.protocol)) {
    throw new Error(`--url must look like ws://127.0.0.1:8001, not "${values.url}".`);
  }
  return { url, message: values.message };
}

/** The gateway's address of a path, with the key. */
export function pathOf(url: URL, path: string): URL {
  const address = new URL(path, url);
  address.search = url.search;
  return address;
}

/** The same over HTTP. */
export function httpUrl(url: URL, path: string): URL {
  const http = pathOf(url, path);
  http.protocol = url.protocol === "wss:" ? "https:" : "http:";
  return http;
}
