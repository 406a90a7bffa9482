/** Which HTTP proxy leads to a provider: its own setting, else the usual variables of the environment. */
import { isExempt } from "./no-proxy.ts";

/** A provider's setting that means: no proxy, whatever the environment says. */
export const NO_PROXY_AT_ALL = "none";
const ADDRESS = "an address such as http://USER:PASSWORD@HOST:PORT";
export const PROXY_RULE = `must be "${NO_PROXY_AT_ALL}" or ${ADDRESS}`;

const VARIABLES: Readonly<Record<string, string>> = {
  "http:": "http_proxy",
  "https:": "https_proxy",
};

/** The address of a proxy as a URL; without a scheme, HTTP. Undefined for any other text. */
export function parseProxy(text: string): URL | undefined {
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  const leadsOn = parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "";
  return /^https?:$/.test(parsed.protocol) && !leadsOn ? parsed : undefined;
}

/**
 * The proxy of a provider, as a URL with user and password; undefined where it is reached directly.
 *
 * @param setting `providers.NAME.proxy`, checked
 */
export function proxyOf(
  { baseUrl, proxy: setting }: { readonly baseUrl: string; readonly proxy?: string | undefined },
  env: NodeJS.ProcessEnv,
): string | undefined {
  if (setting === NO_PROXY_AT_ALL) return undefined;
  if (setting !== undefined) return parseProxy(setting)?.href;
  const url = new URL(baseUrl);
  const fromEnv = read(VARIABLES[url.protocol] ?? "", env);
  if (fromEnv === undefined || isExempt(url, read("no_proxy", env) ?? "")) return undefined;
  return parseProxy(fromEnv)?.href;
}

/** What is wrong with the variables, without their values: they may hold a password. */
export function proxyProblems(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.values(VARIABLES)
    .filter((name) => {
      const value = read(name, env);
      return value !== undefined && parseProxy(value) === undefined;
    })
    .map((name) => `${name.toUpperCase()}: must be ${ADDRESS}`);
}

/** In small letters or capital ones, the small ones first, as curl does. Empty counts as not set. */
function read(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return env[name]?.trim() || env[name.toUpperCase()]?.trim() || undefined;
}
