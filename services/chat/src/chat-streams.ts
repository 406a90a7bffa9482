/** The streams of the process that runs the chat, and the signal that ends it. */
import type { ReadStream, WriteStream } from "node:tty";
import type { OutputStream } from "./output.ts";

export interface ChatStreams {
  readonly stdin: ReadStream;
  readonly stdout: OutputStream;
  readonly stderr: WriteStream;
  /** Its abort ends the chat and cancels the run in flight. */
  readonly stop: AbortSignal;
}
