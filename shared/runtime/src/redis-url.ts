/** What `REDIS_URL` may say, and what that means. */

/** One Redis, or a Redis Cluster known by some of its nodes. */
export type RedisTarget =
  | { readonly kind: "single"; readonly url: string }
  | {
      readonly kind: "cluster";
      /** Any that is up tells of all others. */
      readonly nodes: readonly { readonly host: string; readonly port: number }[];
      readonly username?: string;
      readonly password?: string;
      readonly tls: boolean;
    };

const DEFAULT_PORT = 6379;
const CLUSTER = /^(rediss?)\+cluster:\/\/(?:([^@/]*)@)?([^@/?#]+)\/?$/;
const NODE = /^(\[[\da-f:]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i;

/**
 * Reads `redis://...` and `rediss://...` for one Redis, `redis+cluster://[[user]:password@]host[:port],host[:port]`
 * (or `rediss+cluster://`) for a Redis Cluster. Undefined for anything else; a URL is not shown, as it may hold a password.
 */
export function parseRedisUrl(url: string): RedisTarget | undefined {
  if (/^rediss?:\/\//.test(url)) return URL.canParse(url) ? { kind: "single", url } : undefined;
  const [, scheme, credentials = "", hosts = ""] = CLUSTER.exec(url) ?? [];
  if (scheme === undefined) return undefined;
  const nodes = hosts.split(",").map(parseNode);
  if (!nodes.every((node) => node !== undefined)) return undefined;
  const [username = "", ...rest] = credentials.split(":");
  const password = decode(rest.join(":"));
  return {
    kind: "cluster",
    nodes,
    tls: scheme === "rediss",
    ...(username !== "" && { username: decode(username) }),
    ...(password !== "" && { password }),
  };
}

function parseNode(text: string): { host: string; port: number } | undefined {
  const [, host, port] = NODE.exec(text) ?? [];
  if (host === undefined) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? DEFAULT_PORT) };
}

/** As it stands where it is no percent-encoding. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
