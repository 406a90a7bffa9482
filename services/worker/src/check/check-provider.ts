/** Checks one provider, from its host name to the verdict. */
import { type Targets, targetNameOf } from "@openclaw/config";
import type { Logger } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { adviceFor, connectionAdvice, type Subject } from "./advice.ts";
import { checkConnection } from "./check-connection.ts";
import { findingsOf } from "./findings.ts";
import { QuestionClient, Questions } from "./questions.ts";
import {
  type ConnectionReport,
  duration,
  type Finding,
  type ProviderReport,
  TEMPERATURES,
  verdictOf,
} from "./report.ts";

export interface CheckOptions {
  readonly targets: Targets;
  /** For one provider, all steps together. */
  readonly timeoutMs: number;
  readonly log: Logger;
}

/**
 * Opens a connection, then asks on a cold and on a warm connection: at most four requests.
 *
 * Resolves within about `timeoutMs`, whatever the provider does.
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
  const client = new QuestionClient({ name, config, log, signal });
  const questions = new Questions((temperature) => client.ask(temperature));
  try {
    const url = new URL(config.baseUrl);
    const { proxy, timeouts } = config;
    const limitMs = timeouts.connectMs;
    const connection = await checkConnection(url, { limitMs, proxy, signal });
    const failure = connection.failed
      ? unreachable(connection, subject)
      : await askBoth({ client, questions, subject, targets });
    return report(subject, { connection, questions, failure, targets });
  } finally {
    clearTimeout(timer);
    await client.stop();
  }
}

interface Asking {
  readonly client: QuestionClient;
  readonly questions: Questions;
  readonly subject: Subject;
  readonly targets: Targets;
}

/** Asks cold, then warm. Resolves with a failure, if there was one. */
async function askBoth(asking: Asking): Promise<Finding | undefined> {
  const { client, questions, subject, targets } = asking;
  try {
    await client.start();
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
  // With a proxy, the steps before TLS are the proxy's.
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
  const findings = [...(failure ? [failure] : []), ...findingsOf(answers, { region, targets })];
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

/** What a refusal shows about key and model. Providers check the key first. */
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
