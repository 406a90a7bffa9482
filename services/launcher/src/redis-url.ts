const PROTOCOLS = ["redis:", "rediss:"];

/** The URL as it may be shown; undefined if it is not the URL of a Redis. */
export function withoutCredentials(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  // A query may hold a password too, so only what is known to be harmless is kept.
  return PROTOCOLS.includes(protocol) ? `${protocol}//${host}${pathname}` : undefined;
}
