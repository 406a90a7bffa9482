import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { eventually } from "@openclaw/testing";

/** A gateway started the way a user starts it. */
export class LaunchedGateway {
  readonly #child: ChildProcess;
  readonly port: number;
  output = "";

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        this.output += chunk;
      });
    }
  }

  /** Runs a command that ends in the launcher, and resolves when the banner is complete. */
  static async start(
    [command, ...args]: readonly [string, ...string[]],
    { cwd, port, env }: { cwd: string; port: number; env?: Record<string, string> },
  ): Promise<LaunchedGateway> {
    const child = spawn(command, args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, EDGE_PORT: String(port), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const gateway = new LaunchedGateway(child, port);
    await eventually(
      "the banner",
      () => {
        if (child.exitCode !== null) throw new Error(`exited: ${gateway.output}`);
        return gateway.output.includes("Ctrl-C stops everything.");
      },
      { withinMs: 240_000, everyMs: 50 },
    );
    return gateway;
  }

  url(path = "/ws/stream"): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** Command lines of everything that the launcher started and that runs. */
  async processes(): Promise<string[]> {
    return (await this.#descendants()).map(({ args }) => args);
  }

  /** The process, among those, whose command line matches. */
  async pidOf(command: RegExp): Promise<number> {
    const found = (await this.#descendants()).find(({ args }) => command.test(args));
    if (found === undefined) throw new Error(`no process like ${command}`);
    return Number(found.pid);
  }

  async #descendants() {
    const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,args="]);
    const all = stdout.split("\n").flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
      return match ? [{ pid: match[1], ppid: match[2], args: match[3] ?? "" }] : [];
    });
    const found: (typeof all)[number][] = [];
    let parents = [String(this.#child.pid)];
    while (parents.length > 0) {
      const children = all.filter(({ ppid }) => parents.includes(ppid ?? ""));
      found.push(...children);
      parents = children.map(({ pid }) => pid ?? "");
    }
    return found;
  }

  /** Presses Ctrl-C and resolves with the exit code. */
  async interrupt(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGINT");
    await exited;
    return this.#child.exitCode;
  }
}
