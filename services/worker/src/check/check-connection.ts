/**
 * Opens one connection step by step, so that whoever has to mend it knows which step to look at.
 *
 * A worker's own connector does the same in one go and says only that it failed. The limits and the
 * way of trying a host's addresses are the worker's.
 */

import { lookup } from "node:dns/promises";
import { once } from "node:events";
import {
  connect as connectTcp,
  isIP,
  type LookupFunction,
  type Socket,
  type TcpNetConnectOpts,
} from "node:net";
import { connect as connectTls } from "node:tls";
import { untilAborted } from "@openclaw/runtime/waits";
import {
  askForTunnel,
  ProxyFailedError,
  type TunnelRequest,
} from "../provider/transport/proxy-tunnel.ts";
import type { ConnectionReport, Step } from "./report.ts";

/** As the worker's dialer: how long one address of a host is tried before the next. */
const ADDRESS_ATTEMPT_MS = 1_500;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

export interface CheckConnectionOptions {
  /** For all steps together, as a worker counts. */
  readonly limitMs: number;
  /** The proxy that leads there, as a worker's configuration has it: DNS and TCP are those of the proxy then. */
  readonly proxy?: string | undefined;
  readonly signal: AbortSignal;
}

/** Resolves with what came of it, whatever that is; the connection is closed again. */
export async function checkConnection(
  url: URL,
  { limitMs, proxy, signal }: CheckConnectionOptions,
): Promise<ConnectionReport> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const steps = new TimedSteps(limit);
  const connection = new CheckedConnection(steps, limit);
  const report = {
    host: shown(targetOf(url)),
    ...(proxy !== undefined && { proxy: shown(targetOf(new URL(proxy))) }),
    stepMs: steps.tookMs,
  };
  try {
    if (proxy === undefined) await connection.openTo(url);
    else await connection.openThrough(new URL(proxy), url);
    return report;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return { ...report, failed: { step: error.step, cause: error.reason } };
  } finally {
    connection.close();
  }
}

/** One connection that is being opened. */
class CheckedConnection {
  readonly #steps: TimedSteps;
  readonly #limit: AbortSignal;
  #socket: Socket | undefined;

  constructor(steps: TimedSteps, limit: AbortSignal) {
    this.#steps = steps;
    this.#limit = limit;
  }

  async openTo(url: URL): Promise<void> {
    const socket = await this.#reach(url);
    if (isSecure(url)) await this.#steps.take("tls", this.#said("secureConnect", socket));
  }

  async openThrough(proxy: URL, origin: URL): Promise<void> {
    const socket = await this.#reach(proxy);
    await this.#steps.take("proxy", this.#tunnelled(socket, { proxy, origin }));
    if (!isSecure(origin)) return;
    this.#socket = open({ ...targetOf(origin), socket }, true);
    await this.#steps.take("tls", this.#said("secureConnect", this.#socket));
  }

  /** Only the outermost: Node 20 crashes where a socket and the one around it are both destroyed. */
  close(): void {
    this.#socket?.destroy();
  }

  async #reach(url: URL): Promise<Socket> {
    const target = targetOf(url);
    const lookupOf = await resolved(target, this.#steps);
    const socket = open({ ...target, ...lookupOf, ...TRY_ADDRESSES }, isSecure(url));
    this.#socket = socket;
    await this.#steps.take("tcp", this.#said("connect", socket));
    return socket;
  }

  async #tunnelled(socket: Socket, request: TunnelRequest): Promise<void> {
    if (isSecure(request.proxy)) await this.#said("secureConnect", socket);
    await new Promise<void>((resolve, reject) => {
      askForTunnel(socket, request, (refused) => (refused ? reject(refused) : resolve()));
    });
  }

  #said(event: "connect" | "secureConnect", socket: Socket): Promise<unknown> {
    return once(socket, event, { signal: this.#limit });
  }
}

const isSecure = ({ protocol }: URL) => protocol === "https:";

/**
 * One socket for both steps: it says `connect` when TCP is done, and goes on with TLS by itself.
 * (A second one around the first has Node 20 crash when both are destroyed.)
 */
function open(options: TcpNetConnectOpts & { socket?: Socket }, secure: boolean): Socket {
  const servername = isIP(options.host ?? "") === 0 ? options.host : undefined;
  const socket = secure
    ? connectTls({ ...options, ALPNProtocols: ["http/1.1"], ...(servername && { servername }) })
    : connectTcp(options);
  // An error that comes when no step waits for one, such as after the last, is not to be thrown.
  return socket.on("error", () => undefined);
}

const TRY_ADDRESSES = {
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
} as const;

interface Target {
  readonly host: string;
  readonly port: number;
}

function targetOf({ protocol, hostname, port }: URL): Target {
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, port: port === "" ? (DEFAULT_PORTS[protocol] ?? 0) : Number(port) };
}

function shown({ host, port }: Target): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Looks the host up and hands what was found to the connector, which would ask once more. */
async function resolved({ host }: Target, steps: TimedSteps): Promise<{ lookup?: LookupFunction }> {
  if (isIP(host) !== 0) return {};
  const addresses = await steps.take("dns", lookup(host, { all: true }));
  return { lookup: (_host, _options, callback) => callback(null, addresses) };
}

class TimedSteps {
  readonly tookMs: Partial<Record<Step, number>> = {};
  readonly #limit: AbortSignal;

  constructor(limit: AbortSignal) {
    this.#limit = limit;
  }

  /** @throws StepError when the step failed, or took longer than all of them may */
  async take<T>(step: Step, work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await untilAborted(work, this.#limit);
    } catch (error) {
      throw new StepError(step, this.#limit.aborted ? "TIMEOUT" : codeOf(error));
    } finally {
      this.tookMs[step] = performance.now() - startedAt;
    }
  }
}

class StepError extends Error {
  readonly code = "step_failed";
  readonly step: Step;
  /** A code, safe to show. */
  readonly reason: string;

  constructor(step: Step, reason: string) {
    super(`${step} failed: ${reason}`);
    this.name = "StepError";
    this.step = step;
    this.reason = reason;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof ProxyFailedError) return error.code.replace(/^PROXY_/, "");
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "UNKNOWN";
}
