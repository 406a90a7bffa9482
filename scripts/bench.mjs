/** `npm run bench -- NAME`: runs bench/NAME.ts, on any Node we promise, against what was built. */
import { resolve } from "node:path";
import { runnerImport } from "vite";

const [name = "http-versions"] = process.argv.slice(2);
await runnerImport(resolve("bench", `${name}.ts`), { logLevel: "error" });
