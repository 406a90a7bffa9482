/** The reports for a terminal: a table of 80 columns, then what to do. */
import { type Targets, targetNameOf } from "@openclaw/config";
import {
  type Answer,
  type ConnectionReport,
  duration,
  type Finding,
  firstTextOf,
  isStreamed,
  type ProviderReport,
  STEPS,
  type Temperature,
} from "./report.ts";

const WIDTH = 80;
/** Shows at least this much of a name, however wide the figures are. The notes have the whole name. */
const MIN_NAME = 6;

/** The head of the column for the tunnel of a proxy. */
const VIA = "via";

const VERDICTS = { ok: "ok", warn: "warn", fail: "FAIL" } as const;

/** Each column: the head of the group that begins with it, its own head, its alignment. */
const COLUMNS = [
  ["(times in ms)", "provider", "left"],
  ["", "", "left"],
  ["connect", "dns", "right"],
  ["", "tcp", "right"],
  ["", VIA, "right"],
  ["", "tls", "right"],
  ["", "key", "left"],
  ["", "model", "left"],
  ["first text", "cold ", "right"],
  ["", "warm ", "right"],
  ["whole", "warm ", "right"],
  ["", "streams", "left"],
] as const;

/** `targets` decides which times get a `!`. */
export function tableOf(reports: readonly ProviderReport[], targets: Targets): string {
  // Mostly there is no proxy, and the column takes space.
  const isProxied = reports.some(({ connection }) => connection.proxy !== undefined);
  const isShown = (column: number) => isProxied || COLUMNS[column]?.[1] !== VIA;
  const columns = COLUMNS.filter((_, column) => isShown(column));
  const rows = reports.map((report) =>
    cellsOf(report, targets).filter((_, column) => isShown(column)),
  );
  const heads: string[] = columns.map(([, head]) => head);
  const [longestName = 0, ...widths] = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const rest = widths.reduce((sum, width) => sum + GAP.length + width, 0);
  const all = [Math.min(longestName, Math.max(MIN_NAME, WIDTH - rest)), ...widths];
  const lines = [
    groupLine(columns, all),
    ...[heads, ...rows].map((cells) => line(columns, { cells, widths: all })),
  ];
  return lines.map((text) => text.trimEnd()).join("\n");
}

const GAP = "  ";

function cellsOf(report: ProviderReport, targets: Targets): string[] {
  const { name, verdict, connection, keyAccepted, modelServed, answers } = report;
  const { cold, warm } = answers;
  const first = (temperature: Temperature) => {
    const target = targets[targetNameOf(report.region, temperature)].firstTextMs;
    const answer = answers[temperature];
    return timeCell(answer && firstTextOf(answer), target);
  };
  const { fullMs } = targets[targetNameOf(report.region, "warm")];
  return [
    name,
    VERDICTS[verdict],
    ...STEPS.map((step) => stepCell(connection, step)),
    yesNo(keyAccepted),
    yesNo(modelServed),
    first("cold"),
    first("warm"),
    timeCell(warm?.fullMs, fullMs),
    streamCell([cold, warm]),
  ];
}

function stepCell({ stepMs, failed }: ConnectionReport, step: (typeof STEPS)[number]): string {
  if (failed?.step === step) return "no";
  const tookMs = stepMs[step];
  if (tookMs === undefined) return "-";
  return tookMs < 0.5 ? "<1" : String(Math.round(tookMs));
}

function timeCell(tookMs: number | undefined, targetMs: number): string {
  if (tookMs === undefined) return "- ";
  return `${Math.round(tookMs)}${tookMs > targetMs ? "!" : " "}`;
}

function yesNo(value: boolean | undefined): string {
  if (value === undefined) return "-";
  return value ? "yes" : "no";
}

function streamCell(answers: readonly (Answer | undefined)[]): string {
  const given = answers.filter((answer) => answer !== undefined);
  if (given.length === 0) return "-";
  return given.some(isStreamed) ? "yes" : "lump";
}

type Columns = readonly (typeof COLUMNS)[number][];

interface Row {
  readonly cells: readonly string[];
  readonly widths: readonly number[];
}

function line(columns: Columns, { cells, widths }: Row): string {
  return widths
    .map((width, column) => {
      const cell = cutTo(width, cells[column] ?? "");
      return columns[column]?.[2] === "right" ? cell.padStart(width) : cell.padEnd(width);
    })
    .join(GAP);
}

function cutTo(width: number, cell: string): string {
  return cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
}

/** The heads of groups of columns, each above its first column. */
function groupLine(columns: Columns, widths: readonly number[]): string {
  let text = "";
  let at = 0;
  for (const [column, [group]] of columns.entries()) {
    if (group !== "") text = `${text.padEnd(at)}${group}`;
    at += (widths[column] ?? 0) + GAP.length;
  }
  return text;
}

/** The findings with their advice, wrapped, under the provider's name. */
export function notesOf(reports: readonly ProviderReport[]): string {
  return reports
    .filter(({ findings }) => findings.length > 0)
    .map(({ name, findings }) => [name, ...findings.flatMap(noteLines)].join("\n"))
    .join("\n\n");
}

function noteLines({ message, action }: Finding): string[] {
  return [...wrapped(message, "  - "), ...wrapped(action, "    ")];
}

/** The targets of the regions that were checked. */
export function promisesOf(reports: readonly ProviderReport[], targets: Targets): string {
  const names = new Set(
    reports.flatMap(({ region }) => [targetNameOf(region, "cold"), targetNameOf(region, "warm")]),
  );
  const promises = [...names].map((name) => {
    const { firstTextMs, fullMs } = targets[name];
    return `${name} ${duration(firstTextMs)} / ${duration(fullMs)}`;
  });
  return wrapped(
    `Targets (! is over), first text / whole answer: ${promises.join(", ")}.`,
    "",
  ).join("\n");
}

/** Wraps words to lines of `WIDTH`. Later lines are indented by the length of the lead. */
export function wrapped(text: string, lead: string): string[] {
  const indent = " ".repeat(lead.length);
  const lines: string[] = [];
  let current = lead;
  let isEmpty = true;
  for (const word of text.split(" ")) {
    if (!isEmpty && current.length + 1 + word.length > WIDTH) {
      lines.push(current);
      [current, isEmpty] = [indent, true];
    }
    current += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, current];
}
