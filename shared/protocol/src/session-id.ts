/** A session id as it may stand in a URL: 1 to 128 of `A-Z a-z 0-9 . _ : -`. */
export const SESSION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export function isSessionId(value: string): boolean {
  return SESSION_ID.test(value);
}
