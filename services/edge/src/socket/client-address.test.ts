import { describe, expect, test } from "vitest";
import { ClientAddresses, networksOf } from "./client-address.ts";

const trusted = ["loopback", "private"].flatMap((name) => networksOf(name) ?? []);
const addresses = new ClientAddresses(trusted);
const bytes = (...all: number[]) => new Uint8Array(all).buffer;
const v6 = (...groups: number[]) => bytes(...groups.flatMap((group) => [group >> 8, group & 0xff]));

describe("the client address of a connection", () => {
  test.each([
    ["a stranger's, whatever it says of others", bytes(8, 8, 8, 8), ["1.2.3.4"], "8.8.8.8", false],
    ["the client's that a proxy names", bytes(10, 0, 0, 1), ["1.2.3.4"], "1.2.3.4", false],
    [
      "the last one, as the first may be made up",
      bytes(10, 0, 0, 1),
      ["6.6.6.6, 1.2.3.4"],
      "1.2.3.4",
      false,
    ],
    [
      "behind a proxy that adds a line of its own",
      bytes(10, 0, 0, 1),
      ["6.6.6.6", "1.2.3.4"],
      "1.2.3.4",
      false,
    ],
    [
      "the one before other proxies",
      bytes(127, 0, 0, 1),
      ["1.2.3.4, 10.1.1.1, 192.168.1.1"],
      "1.2.3.4",
      false,
    ],
    ["with a port", bytes(10, 0, 0, 1), ["1.2.3.4:5678"], "1.2.3.4", false],
    ["with brackets", bytes(10, 0, 0, 1), ["[2001:db8::1]:5678"], "2001:db8:0:0::/64", false],
    ["a proxy's that names nobody", bytes(10, 0, 0, 1), [], "10.0.0.1", true],
    ["a proxy's whose word is nonsense", bytes(10, 0, 0, 1), ["unknown"], "10.0.0.1", true],
    [
      "of an IPv4 client on an IPv6 socket",
      v6(0, 0, 0, 0, 0, 0xffff, 0x0808, 0x0404),
      [],
      "8.8.4.4",
      false,
    ],
    [
      "of a proxy on an IPv6 socket",
      v6(0, 0, 0, 0, 0, 0xffff, 0x0a00, 1),
      ["1.2.3.4"],
      "1.2.3.4",
      false,
    ],
    [
      "one of 2^64 addresses of an IPv6 client",
      v6(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6),
      [],
      "2001:db8:1:2::/64",
      false,
    ],
    [
      "the same, named by a proxy",
      bytes(10, 0, 0, 1),
      ["2001:db8:1:2::9"],
      "2001:db8:1:2::/64",
      false,
    ],
    [
      "of an IPv4 client in the form of IPv6",
      bytes(10, 0, 0, 1),
      ["::ffff:1.2.3.4"],
      "1.2.3.4",
      false,
    ],
    ["the loopback of IPv6", v6(0, 0, 0, 0, 0, 0, 0, 1), ["1.2.3.4"], "1.2.3.4", false],
  ])("%s", (_, peer, forwarded, key, isProxy) => {
    expect(addresses.of(peer, forwarded)).toEqual({ key, isProxy });
  });
});

test.each([
  ["203.0.113.7", ["203.0.113.7/32"]],
  ["203.0.113.0/24", ["203.0.113.0/24"]],
  ["2001:db8::/32", ["2001:db8::/32"]],
  ["Loopback", ["127.0.0.0/8", "::1/128"]],
  ["203.0.113.0/33", undefined],
  ["203.0.113.0/x", undefined],
  ["1.2.3.4/8/8", undefined],
  ["proxy.example.com", undefined],
  ["", undefined],
])("the networks that %s names", (text, networks) => {
  expect(networksOf(text)).toEqual(networks);
});
