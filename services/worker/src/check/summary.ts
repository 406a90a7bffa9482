/** The text around the table, and the whole report as JSON. */
import type { Targets } from "@openclaw/config";
import { MAX_TOKENS, type ProviderReport, QUESTION } from "./report.ts";
import { notesOf, promisesOf, tableOf } from "./table.ts";

/** Printed at once, since the answers may take a while. */
export function openingOf(subjects: readonly unknown[], source: string): string {
  return `Checking ${count(subjects.length, "provider")} of ${source} ...\n`;
}

export function summaryOf(reports: readonly ProviderReport[], targets: Targets): string {
  const notes = notesOf(reports);
  return [
    tableOf(reports, targets),
    "",
    ...(notes === "" ? [] : [notes, ""]),
    promisesOf(reports, targets),
    askedLine(reports),
    tallyLine(reports),
  ].join("\n");
}

/** One object: `ok`, the question, the targets, and a report for each provider. */
export function jsonOf(reports: readonly ProviderReport[], targets: Targets): string {
  const ok = reports.every(({ verdict }) => verdict !== "fail");
  const asked = { question: QUESTION, maxTokens: MAX_TOKENS, requests: requestsOf(reports) };
  return JSON.stringify({ ok, asked, targets, providers: reports }, rounded, 2);
}

/** Rounds times to a tenth of a millisecond. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 10) / 10 : value;
}

function askedLine(reports: readonly ProviderReport[]): string {
  const requests = requestsOf(reports);
  if (requests === 0) return "Asked nothing.";
  return `Asked ${count(requests, "time")}, for at most ${MAX_TOKENS} tokens each:\n  "${QUESTION}"`;
}

function tallyLine(reports: readonly ProviderReport[]): string {
  const tally = (verdict: ProviderReport["verdict"]) =>
    reports.filter((report) => report.verdict === verdict).length;
  const simulated = reports.filter((report) => report.simulated).length;
  const note = simulated > 0 ? ` (${simulated} simulated)` : "";
  return `\n${tally("ok")} ok, ${tally("warn")} with a warning, ${tally("fail")} failed${note}`;
}

function requestsOf(reports: readonly ProviderReport[]): number {
  return reports.reduce((sum, { requests }) => sum + requests, 0);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
