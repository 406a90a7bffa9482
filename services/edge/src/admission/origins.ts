/**
 * Decides which web pages may use this gateway.
 *
 * A browser sends requests for any page that a user visits, also to addresses that only this user can reach. It
 * names the page in `Origin`, or at least says in `Sec-Fetch-Site` that the page is of another site. Programs send
 * neither. A page can read the reply without either in one case: it asks its own name, which was rebound to this
 * machine. Only `Host` shows that.
 *
 * If the gateway has keys, the key decides. Then this class only says which pages may read replies.
 */
import { BlockList, isIP } from "node:net";
import { type Failure, failure } from "@openclaw/protocol";

export interface OriginRules {
  /** Where clients reach the gateway from outside. */
  readonly publicUrl: string | undefined;
  /** Other origins, as browsers write them, or `*`. */
  readonly allowed: readonly string[];
  readonly hasKeys: boolean;
  /** The address that this edge listens on. */
  readonly listenHost: string;
}

/** What a browser says of a request; empty if it is missing. */
export interface AskedFrom {
  readonly origin: string;
  /** `Sec-Fetch-Site` */
  readonly site: string;
  readonly host: string;
}

export interface OriginVerdict {
  /** Why the request is refused. */
  readonly refusal?: Failure;
  /** The origin whose pages may read the reply, or `*`. */
  readonly reader?: string;
}

const ANY = "*";
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){1,3}|\[?::1\]?)$/;
/** A name, or an IPv6 address in brackets, and a port. */
const HOST = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/;
const LOOPBACK_NETWORKS = new BlockList();
LOOPBACK_NETWORKS.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK_NETWORKS.addAddress("::1", "ipv6");
LOOPBACK_NETWORKS.addSubnet("::ffff:127.0.0.0", 104, "ipv6");
const LONGEST_QUOTED = 128;
const MAY_NOT = "may not use this gateway, which has no keys.";
const SETTINGS =
  "EDGE_ALLOWED_ORIGINS names the origins of pages that may; EDGE_PUBLIC_URL is where users reach this gateway.";

export class Origins {
  readonly #hasKeys: boolean;
  readonly #isForAll: boolean;
  readonly #checksHost: boolean;
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor({ publicUrl, allowed, hasKeys, listenHost }: OriginRules) {
    const own = publicUrl === undefined ? [] : [new URL(publicUrl).origin];
    this.#hasKeys = hasKeys;
    this.#isForAll = allowed.includes(ANY);
    this.#checksHost = !hasKeys && !this.#isForAll && isLoopbackAddress(listenHost);
    this.#origins = new Set([...own, ...allowed]);
    this.#hosts = new Set([...this.#origins].flatMap((origin) => hostnameOf(origin) ?? []));
  }

  judge({ origin, site, host }: AskedFrom): OriginVerdict {
    if (this.#checksHost && !this.#isKnownHost(host)) return refuse(nameSentence(host));
    if (origin !== "") return this.#judgeOrigin(origin, host);
    const isOpen = this.#hasKeys || this.#isForAll;
    const isForeign = site
      .toLowerCase()
      .split(/[\s,]+/)
      .includes("cross-site");
    return isForeign && !isOpen ? refuse(`Other sites ${MAY_NOT} ${SETTINGS}`) : {};
  }

  #judgeOrigin(origin: string, host: string): OriginVerdict {
    if (this.#isForAll) return { reader: ANY };
    if (this.#origins.has(origin) || isLoopback(origin) || isAskedAddress(origin, host)) {
      return { reader: origin };
    }
    return this.#hasKeys ? {} : refuse(originSentence(origin));
  }

  #isKnownHost(host: string): boolean {
    const name = HOST.exec(host.toLowerCase())?.[1];
    return name !== undefined && (LOOPBACK.test(name) || this.#hosts.has(name));
  }
}

function refuse(sentence: string): OriginVerdict {
  return { refusal: failure("origin_not_allowed", sentence) };
}

function originSentence(origin: string): string {
  if (origin === "null") return `Pages without an origin, such as files, ${MAY_NOT} ${SETTINGS}`;
  return `Pages of ${origin.slice(0, LONGEST_QUOTED)} ${MAY_NOT} ${SETTINGS}`;
}

function nameSentence(host: string): string {
  return `The name ${JSON.stringify(host.slice(0, LONGEST_QUOTED))} is not one of this gateway, which has no keys and listens on loopback. ${SETTINGS}`;
}

/** Of any port: such pages come from the user's own machine. */
function isLoopback(origin: string): boolean {
  const name = hostnameOf(origin);
  // A browser writes an origin in only one way.
  return name !== undefined && LOOPBACK.test(name) && new URL(origin).origin === origin;
}

/**
 * Whether the origin is the IP address of the request itself: the gateway's own origin. Programs also make such an
 * origin from the URL that they were given. A name could have been rebound to that address; an address cannot.
 */
function isAskedAddress(origin: string, host: string): boolean {
  const name = hostnameOf(origin);
  if (name === undefined || isIP(name.replace(/^\[|\]$/g, "")) === 0) return false;
  const url = new URL(origin);
  return url.origin === origin && url.host === host.toLowerCase();
}

/** Whether an address to listen on is loopback, in any of its spellings. */
function isLoopbackAddress(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, "");
  const family = isIP(bare);
  if (family === 0) return LOOPBACK.test(bare);
  return LOOPBACK_NETWORKS.check(bare, family === 6 ? "ipv6" : "ipv4");
}

function hostnameOf(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined;
  const { protocol, hostname } = new URL(origin);
  return protocol === "http:" || protocol === "https:" ? hostname : undefined;
}

/**
 * Turns what an operator wrote into an origin as a browser writes it; `undefined` if it is not one origin. `null`
 * is not an origin: every page without an origin sends it.
 */
export function originOf(text: string): string | undefined {
  if (text === ANY) return ANY;
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, host, pathname, search, hash, username, password } = new URL(text);
  const rest = `${pathname === "/" ? "" : pathname}${search}${hash}${username}${password}`;
  if (rest !== "" || host === "" || host.includes(ANY)) return undefined;
  // Extensions and apps have schemes of their own. URL does not know their origins.
  return origin === "null" ? `${protocol}//${host}` : origin;
}
