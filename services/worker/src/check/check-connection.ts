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
import { untilAborted } from "../until-aborted.ts";
import type { ConnectionReport, Step } from "./report.ts";

/** As the worker's dialer: how long one address of a host is tried before the next. */
const ADDRESS_ATTEMPT_MS = 1_500;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

export interface CheckConnectionOptions {
  /** For all steps together, as a worker counts. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Resolves with what came of it, whatever that is; the connection is closed again. */
export async function checkConnection(
  url: URL,
  { limitMs, signal }: CheckConnectionOptions,
): Promise<ConnectionReport> {
  const target = targetOf(url);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const steps = new TimedSteps(limit);
  let socket: Socket | undefined;
  try {
    const lookupOf = await resolved(target, steps);
    const isSecure = url.protocol === "https:";
    socket = open({ ...target, ...lookupOf, ...TRY_ADDRESSES }, isSecure);
    await steps.take("tcp", once(socket, "connect", { signal: limit }));
    if (isSecure) await steps.take("tls", once(socket, "secureConnect", { signal: limit }));
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const { step, reason } = error;
    return { host: shown(target), stepMs: steps.tookMs, failed: { step, cause: reason } };
  } finally {
    socket?.destroy();
  }
  return { host: shown(target), stepMs: steps.tookMs };
}

/**
 * One socket for both steps: it says `connect` when TCP is done, and goes on with TLS by itself.
 * (A second one around the first has Node 20 crash when both are destroyed.)
 */
function open(options: TcpNetConnectOpts, isSecure: boolean): Socket {
  const servername = isIP(options.host ?? "") === 0 ? options.host : undefined;
  const socket = isSecure
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
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "UNKNOWN";
}
