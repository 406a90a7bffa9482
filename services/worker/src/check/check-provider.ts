/** One provider, from its host name to the verdict. */
import { type Targets, targetNameOf } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { adviceFor, connectionAdvice, type Subject } from "./advice.ts";
import { Asker } from "./asker.ts";
import { checkConnection } from "./check-connection.ts";
import { duration } from "./duration.ts";
import { judge } from "./judge.ts";
import { Questions } from "./questions.ts";
import {
  type ConnectionReport,
  type Finding,
  type ProviderReport,
  TEMPERATURES,
  verdictOf,
} from "./report.ts";

export interface CheckOptions {
  readonly targets: Targets;
  /** For one provider, everything together. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/**
 * Opens a connection, then asks on a cold and on a warm one: four requests at most.
 *
 * Resolves within `timeoutMs` or little more, whatever the provider does.
 */
export async function checkProvider(
  subject: Subject,
  { targets, timeoutMs, log }: CheckOptions,
): Promise<ProviderReport> {
  const { name, config } = subject;
  const budget = new AbortController();
  const timer = setTimeout(() => {
    const detail = `--timeout ${timeoutMs / 1_000}`;
    budget.abort(new ProviderError("run_timeout", { provider: name, detail }));
  }, timeoutMs);
  const { signal } = budget;
  const asker = new Asker({ name, config, log, signal });
  const questions = new Questions((temperature) => asker.ask(temperature));
  try {
    const url = new URL(config.baseUrl);
    const { proxy, timeouts } = config;
    const limitMs = timeouts.connectMs;
    const connection = await checkConnection(url, { limitMs, proxy, signal });
    const failure = connection.failed
      ? unreachable(connection, subject)
      : await askBoth({ asker, questions, subject, targets });
    return report(subject, { connection, questions, failure, targets });
  } finally {
    clearTimeout(timer);
    await asker.stop();
  }
}

interface Asking {
  readonly asker: Asker;
  readonly questions: Questions;
  readonly subject: Subject;
  readonly targets: Targets;
}

/** Asks cold, then warm. Resolves with what went wrong, if anything did. */
async function askBoth(asking: Asking): Promise<Finding | undefined> {
  const { asker, questions, subject, targets } = asking;
  try {
    await asker.start();
    for (const temperature of TEMPERATURES) {
      const target = targets[targetNameOf(subject.config.region, temperature)];
      await questions.ask(temperature, target);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const { code, message } = error;
    return { level: "fail", code, message, action: adviceFor(code, subject) };
  }
}

function unreachable(report: ConnectionReport, subject: Subject): Finding {
  const { host, proxy, stepMs, failed } = report;
  const { step, cause } = failed ?? { step: "tcp", cause: "UNKNOWN" };
  const code = "provider_unreachable";
  const what = step === "proxy" ? "the tunnel" : step.toUpperCase();
  const took = `${what} failed after ${duration(stepMs[step] ?? 0)}`;
  // What comes before TLS is the proxy's, where there is one.
  const where = proxy === undefined ? host : `${host} through the proxy ${proxy}`;
  const whose = proxy !== undefined && step !== "tls" ? `the proxy ${proxy}` : where;
  const { message } = new ProviderError(code, {
    provider: subject.name,
    detail: `${whose}, ${took}, ${cause}`,
  });
  const action = connectionAdvice({ step, cause }, { subject, isProxied: proxy !== undefined });
  return { level: "fail", code, message, action };
}

interface Findings {
  readonly connection: ConnectionReport;
  readonly questions: Questions;
  readonly failure: Finding | undefined;
  readonly targets: Targets;
}

function report(
  { name, config }: Subject,
  { connection, questions, failure, targets }: Findings,
): ProviderReport {
  const { kind, model, region, simulated } = config;
  const { answers, asked: requests } = questions;
  const findings = [...(failure ? [failure] : []), ...judge(answers, { region, targets })];
  const isAnswered = answers.cold !== undefined;
  return {
    ...{ name, kind, model, region, simulated },
    verdict: verdictOf(findings),
    connection,
    ...(isAnswered ? SERVED : meaningOf(failure?.code)),
    answers,
    requests,
    findings,
  };
}

type Access = Pick<ProviderReport, "keyAccepted" | "modelServed">;

const SERVED: Access = { keyAccepted: true, modelServed: true };

/** What a refusal says of key and model. Providers look at the key first, whatever they say then. */
function meaningOf(code: Finding["code"] | undefined): Access {
  switch (code) {
    case "provider_auth":
      return { keyAccepted: false };
    case "model_not_found":
      return { keyAccepted: true, modelServed: false };
    case "provider_quota":
    case "provider_rate_limited":
      return { keyAccepted: true };
    default:
      return {};
  }
}
