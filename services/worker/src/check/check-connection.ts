/**
 * Opens one connection step by step, so that an operator knows which step to repair.
 *
 * A worker's connector does the same without steps, and reports only that it failed. The limits here, and the order of a
 * host's addresses, are the worker's.
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

/** How long one address of a host is tried before the next, as in the worker's dialer. */
const ADDRESS_ATTEMPT_MS = 1_500;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

export interface CheckConnectionOptions {
  /** For all steps together, as in a worker. */
  readonly limitMs: number;
  /** The proxy, as in a worker's configuration. DNS and TCP then lead to the proxy. */
  readonly proxy?: string | undefined;
  readonly signal: AbortSignal;
}

/** Resolves with a report, also of a failure. The connection is closed again. */
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

/** A connection that is being opened. */
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
    if (isSecure(url)) await this.#steps.take("tls", this.#until("secureConnect", socket));
  }

  async openThrough(proxy: URL, origin: URL): Promise<void> {
    const socket = await this.#reach(proxy);
    await this.#steps.take("proxy", this.#tunnelled(socket, { proxy, origin }));
    if (!isSecure(origin)) return;
    this.#socket = open({ ...targetOf(origin), socket }, true);
    await this.#steps.take("tls", this.#until("secureConnect", this.#socket));
  }

  /** Destroys only the outer socket: Node 20 crashes if a socket and the socket around it are both destroyed. */
  close(): void {
    this.#socket?.destroy();
  }

  async #reach(url: URL): Promise<Socket> {
    const target = targetOf(url);
    const lookupOf = await resolved(target, this.#steps);
    const socket = open({ ...target, ...lookupOf, ...TRY_ADDRESSES }, isSecure(url));
    this.#socket = socket;
    await this.#steps.take("tcp", this.#until("connect", socket));
    return socket;
  }

  async #tunnelled(socket: Socket, request: TunnelRequest): Promise<void> {
    if (isSecure(request.proxy)) await this.#until("secureConnect", socket);
    await new Promise<void>((resolve, reject) => {
      askForTunnel(socket, request, (refused) => (refused ? reject(refused) : resolve()));
    });
  }

  #until(event: "connect" | "secureConnect", socket: Socket): Promise<unknown> {
    return once(socket, event, { signal: this.#limit });
  }
}

const isSecure = ({ protocol }: URL) => protocol === "https:";

/**
 * One socket for both steps: it emits `connect` when TCP is done, and goes on with TLS by itself. (With a second socket
 * around the first, Node 20 crashes when both are destroyed.)
 */
function open(options: TcpNetConnectOpts & { socket?: Socket }, secure: boolean): Socket {
  const servername = isIP(options.host ?? "") === 0 ? options.host : undefined;
  const socket = secure
    ? connectTls({ ...options, ALPNProtocols: ["http/1.1"], ...(servername && { servername }) })
    : connectTcp(options);
  // An error outside the steps, such as after the last one, must not be thrown.
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

/** Looks the host up, and gives the addresses to the connector, which would look them up again. */
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

  /** @throws StepError if the step failed, or all steps together took too long */
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
