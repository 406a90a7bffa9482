/**
 * Checks all providers at once, so that a dead provider does not delay the others. Providers of one account are checked one
 * after the other, since parallel requests would meet the account's limits and delay each other.
 */
import type { Subject } from "./advice.ts";
import { type CheckOptions, checkProvider } from "./check-provider.ts";
import type { ProviderReport } from "./report.ts";

/** Resolves with a report for each, in the order of `subjects`. */
export async function checkAll(
  subjects: readonly Subject[],
  options: CheckOptions,
): Promise<ProviderReport[]> {
  const reports = new Map<Subject, ProviderReport>();
  const accounts = [...accountsOf(subjects).values()];
  await Promise.all(
    accounts.map(async (account) => {
      for (const subject of account) reports.set(subject, await checkProvider(subject, options));
    }),
  );
  return subjects.flatMap((subject) => reports.get(subject) ?? []);
}

/** The same key at the same host is one account. The map holds keys, so it must not leave this file. */
function accountsOf(subjects: readonly Subject[]): Map<string, Subject[]> {
  const accounts = new Map<string, Subject[]>();
  for (const subject of subjects) {
    const { baseUrl, apiKey = "" } = subject.config;
    const account = `${new URL(baseUrl).origin} ${apiKey}`;
    accounts.set(account, [...(accounts.get(account) ?? []), subject]);
  }
  return accounts;
}
