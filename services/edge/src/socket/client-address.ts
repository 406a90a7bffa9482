/**
 * Finds the address of the client: the peer's own address, or the address that a proxy names.
 *
 * A proxy appends the address that it saw to `x-forwarded-for`. So the client is the last address in it that is not
 * itself a proxy. Any client may send that header, so it counts only from a trusted peer.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

/** Networks from which no stranger on the internet can connect. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  private: [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
  ],
};

export interface ClientAddress {
  /**
   * Of one client: an IPv4 address, or the first 64 bits of an IPv6 address. A client has all addresses of such a
   * block.
   */
  readonly key: string;
  /** A trusted proxy that names no client. Any number of clients may be behind it. */
  readonly isProxy: boolean;
}

/**
 * The network that `text` names: `loopback`, `private`, an address, or an address with `/BITS`. Undefined for any
 * other text.
 */
export function networksOf(text: string): readonly string[] | undefined {
  const named = NAMED[text.toLowerCase()];
  if (named) return named;
  const [address = "", bits, ...more] = text.split("/");
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  return more.length === 0 && length >= 0 && length <= most ? [`${address}/${length}`] : undefined;
}

export class ClientAddresses {
  readonly #trusted = new BlockList();

  /** @param trusted networks, as `networksOf` gives them */
  constructor(trusted: readonly string[]) {
    for (const network of trusted) {
      const [address = "", bits = ""] = network.split("/");
      this.#trusted.addSubnet(address, Number(bits), family(address));
    }
  }

  /**
   * @param peer of the socket: 4 or 16 bytes
   * @param forwarded every `x-forwarded-for` of the request, in order
   */
  of(peer: ArrayBuffer, forwarded: readonly string[]): ClientAddress {
    const own = textOf(new Uint8Array(peer));
    if (!this.#isTrusted(own)) return { key: keyOf(own), isProxy: false };
    const named = forwarded.flatMap((line) => line.split(",")).map(bare);
    const client = named.findLast((address) => isIP(address) !== 0 && !this.#isTrusted(address));
    return client === undefined
      ? { key: keyOf(own), isProxy: true }
      : { key: keyOf(client), isProxy: false };
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, family(address));
  }
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/** Some proxies name a port too: `1.2.3.4:5`, `[::1]:5`. */
function bare(text: string): string {
  const address = text.trim();
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(address) ?? [];
  const [, withPort] = /^([\d.]+):\d+$/.exec(address) ?? [];
  return bracketed ?? withPort ?? address;
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const hex = Buffer.from(bytes).toString("hex");
  return hex.replace(/(.{4})(?!$)/g, "$1:");
}

/** One client has one key, however its address is written. */
function keyOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = groupsOf(address);
  const [a = 0, b = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return [a >> 8, a & 0xff, b >> 8, b & 0xff].join(".");
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [text = ""] = address.split("%");
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [w = 0, x = 0, y = 0, z = 0] = parts.slice(0, 4).map(Number);
    return `${((w << 8) | x).toString(16)}:${((y << 8) | z).toString(16)}`;
  });
  const [front = "", back] = plain.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((hex) => Number.parseInt(hex, 16));
  if (back === undefined) return groups(front);
  const missing = 8 - groups(front).length - groups(back).length;
  return [...groups(front), ...Array<number>(missing).fill(0), ...groups(back)];
}
