import { createChecks } from "./checks.ts";
import { HELP, type Options, parseOptions } from "./options.ts";

const out = (text: string) => process.stdout.write(text);

process.exit(await main());

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  if (!options) {
    out(`${HELP}\n`);
    return 0;
  }
  const rows: string[] = [];
  let failed = 0;
  for (const check of createChecks(options, out)) {
    out(`${check.name}\n`);
    try {
      rows.push(row("pass", check.name, await check.run()));
    } catch (error) {
      failed += 1;
      rows.push(row("FAIL", check.name, (error as Error).message));
    }
  }
  out(`\n${rows.join("\n")}\n\n${rows.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function row(verdict: string, name: string, remark: string): string {
  return `${verdict}  ${name.padEnd(18)} ${remark}`;
}
