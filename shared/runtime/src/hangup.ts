/**
 * Calls `onHangup` for each SIGHUP, by which operators tell a service to read its configuration again.
 * While anybody listens the signal no longer ends the process, nor does a terminal that closes.
 *
 * @returns stops listening
 */
export function listenForHangup(onHangup: () => void): () => void {
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}
