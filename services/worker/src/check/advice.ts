/** Advice for the operator about a failure, in one sentence. */
import type { ProviderConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import type { ConnectionReport } from "./report.ts";

/** A configured provider, and the source of its key. */
export interface Subject {
  readonly name: string;
  readonly config: ProviderConfig;
  /** Environment variables that the key comes from. Empty if the key is in the file, or missing. */
  readonly keyVariables: readonly string[];
}

type Advice = (subject: Subject) => string;

const field = ({ name }: Subject, path: string) => `\`providers.${name}.${path}\``;

const ADVICE: Partial<Readonly<Record<ErrorCode, Advice>>> = {
  provider_auth: (subject) => keyAdvice(subject),
  provider_quota: () =>
    "Look at the account in the provider's console: top it up, or enable this model.",
  provider_rate_limited: (subject) =>
    `Try again in a minute. If the gateway itself uses up the limit, lower ${field(subject, "maxConcurrency")}.`,
  provider_overloaded: (subject) =>
    `Try again in a minute. Name another provider in ${field(subject, "fallback")}.`,
  provider_error: (subject) =>
    `Try again, and look at the provider's status page. Name another provider in ${field(subject, "fallback")}.`,
  provider_rejected: (subject) =>
    `Check ${field(subject, "kind")}, ${field(subject, "model")} and ${field(subject, "baseUrl")}: the question itself was plain. A provider that expects another name for the limit of an answer needs ${field(subject, "maxTokensName")}.`,
  content_filtered: (subject) =>
    `The question was harmless: check that ${field(subject, "model")} is a chat model.`,
  context_length_exceeded: (subject) =>
    `The question was short: check that ${field(subject, "model")} is a chat model.`,
  model_not_found: (subject) =>
    `Set ${field(subject, "model")} to a model of this account (the provider lists them under /models), and check the path of ${field(subject, "baseUrl")}.`,
  provider_unreachable: (subject) =>
    `A server accepts the connection and closes it: check scheme and port of ${field(subject, "baseUrl")}.`,
  first_token_timeout: (subject) =>
    `Choose a faster model, or raise ${field(subject, "timeouts.firstTokenMs")} if you accept the wait.`,
  provider_stalled: (subject) =>
    `Try again. If the model always pauses this long, raise ${field(subject, "timeouts.stallMs")}.`,
  run_timeout: (subject) => `Raise --timeout, or ${field(subject, "timeouts.totalMs")}.`,
  provider_cut: (subject) =>
    `Try again. If it stays so, the provider may never send a finish reason: set ${field(subject, "finishesWithDone")} to true. Or a proxy cuts the answer: check ${field(subject, "baseUrl")}.`,
  provider_malformed: (subject) =>
    `Check ${field(subject, "baseUrl")}: the server there does not speak the chat completions API.`,
  internal: (subject) =>
    `Check ${keyPlace(subject)}: a key with a line break or a letter beyond ASCII cannot be sent. Otherwise it is a fault of the gateway.`,
  provider_empty: (subject) => `Check that ${field(subject, "model")} is a chat model.`,
};

export function adviceFor(code: ErrorCode, subject: Subject): string {
  return ADVICE[code]?.(subject) ?? "Try again. If it stays so, it is a fault of the gateway.";
}

function keyAdvice(subject: Subject): string {
  if (subject.config.apiKey === undefined) {
    return `It has no key: set ${field(subject, "apiKey")} to "\${NAME}", and the environment variable NAME to the key.`;
  }
  return `Check ${keyPlace(subject)}: a key must be complete, not revoked, and of this service and account.`;
}

function keyPlace(subject: Subject): string {
  const { keyVariables } = subject;
  if (keyVariables.length === 0) return field(subject, "apiKey");
  return `the environment variable ${keyVariables.join(" and ")}`;
}

/** @param cause the system's code. The advice covers the commonest causes of each step */
export function connectionAdvice(
  { step, cause }: NonNullable<ConnectionReport["failed"]>,
  { subject, isProxied }: { readonly subject: Subject; readonly isProxied: boolean },
): string {
  if (isProxied && step !== "tls") return proxyAdvice({ step, cause }, subject);
  const url = field(subject, "baseUrl");
  if (step === "dns") return `Check the host name in ${url}, and the DNS of this machine.`;
  if (step === "tcp") {
    return cause === "ECONNREFUSED"
      ? `Nothing listens there: check host and port in ${url}, and whether the server runs.`
      : `Check host and port in ${url}, and firewalls; behind an HTTP proxy set HTTPS_PROXY, or ${field(subject, "proxy")}.`;
  }
  if (/CERT|VERIFY|SIGNED|ISSUER/.test(cause)) {
    return "Check the certificate and this machine's clock; a private authority, such as the one of a proxy that inspects TLS, goes into NODE_EXTRA_CA_CERTS.";
  }
  return `Check whether ${url} should begin with http instead, and whether a proxy is in between.`;
}

function proxyAdvice(
  { step, cause }: NonNullable<ConnectionReport["failed"]>,
  subject: Subject,
): string {
  const setting = `${field(subject, "proxy")}, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY`;
  if (step !== "proxy") return `Check host and port of the proxy in ${setting}.`;
  if (cause === "HTTP_407") return `Check user and password of the proxy in ${setting}.`;
  if (/^HTTP_5/.test(cause)) {
    return `The proxy itself cannot reach the provider: check ${field(subject, "baseUrl")}, and ask the operator of the proxy.`;
  }
  if (/^HTTP_/.test(cause)) {
    return `The proxy does not allow this host: ask its operator, or name the host in NO_PROXY if no proxy is needed.`;
  }
  return `Check that the configured proxy is one for CONNECT: ${setting}.`;
}
