/** What the chat says, to whatever its standard output is. */
import { fstatSync, writeFileSync } from "node:fs";
import type { WriteStream } from "node:tty";
import type { Output } from "./screen.ts";

/** Of a process: a terminal, a pipe or a file. */
export type OutputStream = WriteStream & { readonly fd: number };

/**
 * An output of which each write is whole or fails.
 *
 * A disk that is almost full takes a part of a write and reports no error; Node's own streams then lose the
 * rest. So a file is written by what goes on until it is told why it cannot.
 */
export function wholeOutput(stream: OutputStream): Output {
  if (!isFile(stream)) return stream;
  return { isTTY: false, write: (text) => writeFileSync(stream.fd, Buffer.from(text)) };
}

/** @throws what the system says */
export async function writeWhole(stream: OutputStream, text: string): Promise<void> {
  const output = wholeOutput(stream);
  if (output !== stream) output.write(text);
  else {
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** Whether an error is of a write to the output. */
export function isWriteError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && error.syscall === "write";
}

/**
 * Answers the exit code for output that cannot be written. It is 0 where the reader has seen enough, as in `npm run
 * --silent chat | head -1`. Else it is 1, with the reason on the standard error.
 */
export function exitCodeOf(error: NodeJS.ErrnoException, stderr: WriteStream): number {
  if (error.code === "EPIPE") return 0;
  stderr.write(`The output cannot be written: ${error.message}.\n`);
  return 1;
}

function isFile({ fd }: OutputStream): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    // Closed, as by `>&-`; the first write says so.
    return false;
  }
}
