/** What to do about a failure: one sentence for whoever runs the gateway. */
import type { ProviderConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import type { ConnectionReport } from "./report.ts";

/** A configured provider, and where its key comes from. */
export interface Subject {
  readonly name: string;
  readonly config: ProviderConfig;
  /** Environment variables that the key is made of; none where it stands in the file, or is missing. */
  readonly keyVariables: readonly string[];
}

type Advice = (subject: Subject) => string;

const field = ({ name }: Subject, path: string) => `\`providers.${name}.${path}\``;

const ADVICE: Partial<Readonly<Record<ErrorCode, Advice>>> = {
  provider_auth: (subject) => keyAdvice(subject),
  provider_quota: () =>
    "Look at the account in the provider's console: top it up, or switch this model on there.",
  provider_rate_limited: (subject) =>
    `Try again in a minute; if the gateway itself uses the limit up, lower ${field(subject, "maxConcurrency")}.`,
  provider_overloaded: (subject) =>
    `Try again in a minute; name who stands in meanwhile in ${field(subject, "fallback")}.`,
  provider_error: (subject) =>
    `Try again, and look at the provider's status page; name who stands in in ${field(subject, "fallback")}.`,
  provider_rejected: (subject) =>
    `Check ${field(subject, "kind")}, ${field(subject, "model")} and ${field(subject, "baseUrl")}: the question itself was as plain as can be. A provider that wants another name for the limit of an answer needs ${field(subject, "maxTokensName")}.`,
  content_filtered: (subject) =>
    `The question was harmless: check that ${field(subject, "model")} is a model for conversations.`,
  context_length_exceeded: (subject) =>
    `The question was short: check that ${field(subject, "model")} is a model for conversations.`,
  model_not_found: (subject) =>
    `Set ${field(subject, "model")} to one that the account may use (the provider lists them under /models), and check the path of ${field(subject, "baseUrl")}.`,
  provider_unreachable: (subject) =>
    `Something listens there and hangs up: check scheme and port of ${field(subject, "baseUrl")}.`,
  first_token_timeout: (subject) =>
    `Choose a faster model, or raise ${field(subject, "timeouts.firstTokenMs")} if it is worth the wait.`,
  provider_stalled: (subject) =>
    `Try again; if it is the model's way, raise ${field(subject, "timeouts.stallMs")}.`,
  run_timeout: (subject) => `Raise --timeout, or ${field(subject, "timeouts.totalMs")}.`,
  provider_cut: (subject) =>
    `Try again. If it stays so, the provider may never say why it stops: set ${field(subject, "finishesWithDone")} to true. Or a proxy in between cuts it: check ${field(subject, "baseUrl")}.`,
  provider_malformed: (subject) =>
    `Check ${field(subject, "baseUrl")}: what answers there does not speak the chat completions API.`,
  internal: (subject) =>
    `Check ${keyPlace(subject)}: with a line break or a letter beyond ASCII in it, nothing can be sent. Otherwise it is a fault of the gateway.`,
  provider_empty: (subject) =>
    `Check that ${field(subject, "model")} is a model for conversations.`,
};

export function adviceFor(code: ErrorCode, subject: Subject): string {
  return ADVICE[code]?.(subject) ?? "Try again; if it stays so, it is a fault of the gateway.";
}

function keyAdvice(subject: Subject): string {
  if (subject.config.apiKey === undefined) {
    return `It has no key: set ${field(subject, "apiKey")} to "\${NAME}", and the environment variable NAME to the key.`;
  }
  return `Check ${keyPlace(subject)}: a key must be whole, not revoked, and of this very service and account.`;
}

function keyPlace(subject: Subject): string {
  const { keyVariables } = subject;
  if (keyVariables.length === 0) return field(subject, "apiKey");
  return `the environment variable ${keyVariables.join(" and ")}`;
}

/** @param cause the system's code; the sentence is for the commonest reasons of each step */
export function connectionAdvice(
  { step, cause }: NonNullable<ConnectionReport["failed"]>,
  { subject, isProxied }: { readonly subject: Subject; readonly isProxied: boolean },
): string {
  if (isProxied && step !== "tls") return proxyAdvice({ step, cause }, subject);
  const url = field(subject, "baseUrl");
  if (step === "dns") return `Check the host name in ${url}, and the DNS of this machine.`;
  if (step === "tcp") {
    return cause === "ECONNREFUSED"
      ? `Nothing listens there: check host and port in ${url}, and that the server runs.`
      : `Check host and port in ${url}, and firewalls; behind an HTTP proxy set HTTPS_PROXY, or ${field(subject, "proxy")}.`;
  }
  if (/CERT|VERIFY|SIGNED|ISSUER/.test(cause)) {
    return "Check the certificate and this machine's clock; a private authority, such as that of a proxy which looks inside, goes into NODE_EXTRA_CA_CERTS.";
  }
  return `Check whether ${url} should begin with http instead, and for proxies in between.`;
}

function proxyAdvice(
  { step, cause }: NonNullable<ConnectionReport["failed"]>,
  subject: Subject,
): string {
  const setting = `${field(subject, "proxy")}, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY`;
  if (step !== "proxy") return `Check host and port of the proxy in ${setting}.`;
  if (cause === "HTTP_407") return `Check user and password of the proxy in ${setting}.`;
  if (/^HTTP_5/.test(cause)) {
    return `The proxy itself cannot reach the provider: check ${field(subject, "baseUrl")}, and ask who runs the proxy.`;
  }
  if (/^HTTP_/.test(cause)) {
    return `The proxy does not allow this host: ask who runs it, or name the host in NO_PROXY if it is reached without.`;
  }
  return `Check that what is set as the proxy is one for CONNECT: ${setting}.`;
}
