/**
 * All providers at once, so that a dead one holds up nobody; but those of one account one after the
 * other, because requests at the same time would meet the account's limits and each other's delay.
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

/** Who has the same key at the same host is one account. The map does not leave this file: keys are in it. */
function accountsOf(subjects: readonly Subject[]): Map<string, Subject[]> {
  const accounts = new Map<string, Subject[]>();
  for (const subject of subjects) {
    const { baseUrl, apiKey = "" } = subject.config;
    const account = `${new URL(baseUrl).origin} ${apiKey}`;
    accounts.set(account, [...(accounts.get(account) ?? []), subject]);
  }
  return accounts;
}
