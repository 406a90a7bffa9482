/**
 * Step 4, of `npm test` alone: installs the programs that some tests run, where this user may. Elsewhere those tests are
 * left out and the summary of `npm test` names them, so nothing here fails.
 */
import { readFileSync } from "node:fs";
import { announce, ask } from "./command.mjs";
import { installer } from "./system-packages.mjs";

const TOOLS = JSON.parse(readFileSync(new URL("../../tests/tools.json", import.meta.url), "utf8"));

export function testToolsStep() {
  const system = installer();
  const packages = () =>
    TOOLS.filter(({ probe: [command, ...args] }) => ask(command, args) === undefined).flatMap(
      (tool) => tool[system?.key] ?? [],
    );
  return {
    isDone: () => packages().length === 0,
    async run() {
      const missing = [...new Set(packages())];
      const install = () => system.install(missing).catch(({ message }) => console.log(message));
      await announce(`Installing ${missing.join(", ")} for tests (${system.name})`, install);
    },
  };
}
