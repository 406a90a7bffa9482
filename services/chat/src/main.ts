/** `npm run chat`: a conversation in the terminal. */
import { listenForStopSignals } from "@openclaw/runtime/stop-signals";
import { runChat } from "./run-chat.ts";

const INTERRUPTED = 130;

const stop = new AbortController();
listenForStopSignals({
  onFirst: () => stop.abort(),
  onAgain: () => process.exit(INTERRUPTED),
  hangup: true,
});
// Whoever read the answer has gone: `npm run --silent chat | head -1`.
process.stdout.on("error", () => process.exit(0));

const { stdin, stdout, stderr } = process;
const code = await runChat(process.argv.slice(2), { stdin, stdout, stderr, stop: stop.signal });
process.exit(stop.signal.aborted ? INTERRUPTED : code);
