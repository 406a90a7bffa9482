/**
 * The text that our examples have in the place of a secret. A secret that keeps it is known to every reader of the
 * examples.
 */
const PLACEHOLDER = /change-me|^(PASSWORD|KEY)$/;

export const PLACEHOLDER_RULE = "is still the placeholder of an example";

export function isPlaceholder(secret: string): boolean {
  return PLACEHOLDER.test(secret);
}

/** Whether the password in a URL is one. @param url also of several hosts */
export function hasPlaceholder(url: string): boolean {
  const password = /^[^/]*\/\/[^:@/]*:([^@/]*)@/.exec(url)?.[1];
  return password !== undefined && isPlaceholder(password);
}
