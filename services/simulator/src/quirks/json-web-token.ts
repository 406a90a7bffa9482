/** When a JSON Web Token expires, in ms since 1970 as Zhipu counts; undefined for any other `key`. */
export function expiryOf(key: string): number | undefined {
  const [, claims, signature] = key.split(".");
  if (claims === undefined || signature === undefined) return undefined;
  try {
    const { exp }: { exp?: unknown } = JSON.parse(Buffer.from(claims, "base64url").toString());
    return typeof exp === "number" ? exp : undefined;
  } catch {
    // Three parts, but no claims: some other key, which is not judged by its looks.
    return undefined;
  }
}
