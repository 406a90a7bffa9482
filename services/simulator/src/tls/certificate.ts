/**
 * A certificate that vouches for itself.
 *
 * Made at each start, for one day, with a key that never leaves the process. So no client has to trust a key that
 * lies in a repository or on a disk.
 */
import { writeFile } from "node:fs/promises";
import { isIP } from "node:net";

export interface Certificate {
  /** PEM. The certificate that a client must trust, and that it is shown. */
  readonly cert: string;
  /** PEM, for `tls.createServer` and nowhere else. */
  readonly key: string;
}

const LIFETIME_MS = 24 * 3_600_000;
/** A client whose clock is a little behind must not find it too young. */
const CLOCK_SKEW_MS = 300_000;
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/** @param host an address or name it is valid for, besides loopback */
export async function makeCertificate(host: string): Promise<Certificate> {
  // Only a simulator with TLS waits for it to load.
  const { generate } = await import("selfsigned");
  const now = Date.now();
  const made = await generate([{ name: "commonName", value: "openclaw simulator" }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(now - CLOCK_SKEW_MS),
    notAfterDate: new Date(now + LIFETIME_MS),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [...new Set([...LOOPBACK, host])].map(altName) },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** For `NODE_EXTRA_CA_CERTS` of other processes. */
export async function writeCertificate(file: string, { cert }: Certificate): Promise<void> {
  await writeFile(file, cert);
}

function altName(host: string) {
  return isIP(host) === 0 ? ({ type: 2, value: host } as const) : ({ type: 7, ip: host } as const);
}
