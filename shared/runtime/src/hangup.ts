/**
 * Calls `onHangup` for each SIGHUP, by which operators tell a service to read its configuration again.
 * While there is a listener, neither the signal nor a closed terminal ends the process.
 *
 * @returns stops listening
 */
export function listenForHangup(onHangup: () => void): () => void {
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}
