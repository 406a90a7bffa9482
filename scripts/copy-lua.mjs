/** Part of a package's build: its Lua scripts belong beside the compiled code that reads them. */
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const from = join("src", "lua");
const to = join("dist", "lua");

// A script that was removed or renamed must not live on.
rmSync(to, { recursive: true, force: true });
const scripts = existsSync(from) ? readdirSync(from).filter((name) => name.endsWith(".lua")) : [];
for (const name of scripts) cpSync(join(from, name), join(to, name));
