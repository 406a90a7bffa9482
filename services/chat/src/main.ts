/** `npm run chat`: a conversation in the terminal. */
import { CancelledError } from "@openclaw/client";
import { listenForStopSignals } from "@openclaw/runtime/stop-signals";
import { exitCodeOf } from "./output.ts";
import { runChat } from "./run-chat.ts";

const INTERRUPTED = 130;

const stop = new AbortController();
listenForStopSignals({
  onFirst: () => stop.abort(new CancelledError("Interrupted.")),
  onAgain: () => process.exit(INTERRUPTED),
  hangup: true,
});
const { stdin, stdout, stderr } = process;
stdout.on("error", (error) => process.exit(exitCodeOf(error, stderr)));
// There is nobody left to tell.
stderr.on("error", () => process.exit(1));
const code = await runChat(process.argv.slice(2), { stdin, stdout, stderr, stop: stop.signal });
process.exit(stop.signal.aborted ? INTERRUPTED : code);
