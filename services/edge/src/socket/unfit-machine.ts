/** Explains to the operator why uWebSockets.js cannot be loaded. */

/** Decides which binary of uWebSockets.js is loaded, and whether it can be loaded. */
export interface Machine {
  /** Version of Node, such as `22.11.0`. */
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  /** Version of glibc; undefined if the system has another C library, or is not Linux. */
  readonly glibc: string | undefined;
}

/** No edge can run on this machine. The message is one sentence for the operator. */
export class UnfitMachineError extends Error {
  readonly code = "unfit_machine";

  constructor(cause: unknown, machine: Machine = thisMachine()) {
    super(`No edge can run here: ${reason(cause, machine)}.`, { cause });
    this.name = "UnfitMachineError";
  }
}

const ELSEWHERE =
  "a system with glibc 2.38 or later (Debian 13, Ubuntu 24.04), or the images of docker-compose.yml";

function reason(cause: unknown, { node, platform, arch, glibc }: Machine): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const [major = ""] = node.split(".");
  const wanted = /version [`']GLIBC_([\d.]+)' not found/.exec(text)?.[1];
  if (wanted !== undefined) {
    return (
      `uWebSockets.js for Node ${major} needs glibc ${wanted} or later, and this system has ${glibc}; ` +
      `use ${major === "20" ? "" : "Node 20, "}${ELSEWHERE}`
    );
  }
  if (platform === "linux" && glibc === undefined) {
    return `uWebSockets.js needs glibc, which this system (perhaps Alpine) does not have; use ${ELSEWHERE}`;
  }
  if (text.includes("Cannot find module './uws_")) {
    return (
      `uWebSockets.js has no binary for Node ${node} on ${platform} ${arch}; use Node 20, 22 or 24 ` +
      `(on Linux, 22 and 24 need glibc 2.38 or later)`
    );
  }
  return `uWebSockets.js cannot be loaded by Node ${node} on ${platform} ${arch} (${lastLine(text)})`;
}

/** The library's message begins with a list of systems, and ends with the error. */
function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

function thisMachine(): Machine {
  // The type says only "object". The rest of the report has addresses of this machine, and is not used.
  const { header } = process.report.getReport() as unknown as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    glibc: header.glibcVersionRuntime,
  };
}
