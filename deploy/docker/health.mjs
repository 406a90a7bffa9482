/** `node health.mjs URL`: exit code 0 when it answers 2xx within 2 s. The image has no curl, and needs none. */
import { argv, exit } from "node:process";

const WITHIN_MS = 2_000;

try {
  const response = await fetch(argv[2], { signal: AbortSignal.timeout(WITHIN_MS) });
  // The reasons of a refusal are for `docker inspect`.
  if (!response.ok) console.error(await response.text());
  exit(response.ok ? 0 : 1);
} catch (error) {
  console.error(error.cause?.code ?? error.message);
  exit(1);
}
