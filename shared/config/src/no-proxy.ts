/** `NO_PROXY`: which hosts are reached without a proxy. As curl reads it, and with ports. */
import { BlockList, isIP } from "node:net";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };
const PORT = /^(\[[^\]]*\]|[^:]*):(\d+)$/;

/**
 * Whether a list of hosts, separated by commas or spaces, names the host of a URL. `*` alone means every host.
 * `example.com` means that host and all below it, with a dot in front or without. `10.0.0.0/8` means every address of
 * that network, and `host:8443` only that port.
 */
export function isExempt(url: URL, list: string): boolean {
  const entries = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  const target = { host: bare(url.hostname), port: url.port || DEFAULT_PORTS[url.protocol] || "" };
  return entries.some((entry) => entry === "*" || matches(entry, target));
}

interface Target {
  readonly host: string;
  readonly port: string;
}

function matches(entry: string, { host, port }: Target): boolean {
  const [, named = entry, onlyPort] = PORT.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const meant = bare(named);
  if (isIP(host) !== 0) return meant === host || isInNetwork(host, meant);
  const suffix = meant.replace(/^\*?\.+/, "");
  return suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`));
}

function isInNetwork(address: string, network: string): boolean {
  const [start = "", bits = ""] = network.split("/");
  const family = isIP(start);
  const most = family === 6 ? 128 : 32;
  if (family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most) return false;
  const name = family === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(start, Number(bits), name);
  return isIP(address) === family && list.check(address, name);
}

/** Without the brackets of an IPv6 address and the dot at the end of a name. */
function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
