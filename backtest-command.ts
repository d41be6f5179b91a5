/**
 * `tallywire backtest`: what other wires, regions and rules would have given. Asked of a running server where one is named, else found out from the
 * data, which nobody may have then. Ends with 0 when it is done, else with 1.
 */
import { open, readFile, rm } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { z } from "zod";
import { presentAlerts, presentCounts } from "./api/emdx/backtest-results.ts";
import { csvText } from "./api/emdx/csv.ts";
import type { BacktestRow } from "./domain/backtest-rows.ts";
import { JobFailure } from "./domain/job.ts";
import { AdapterError } from "./domain/ports.ts";
import { barOf, endingOf, type JobParts, type JobServer, parsed, request, runJob, tableText } from "./job-command.ts";

export type BacktestOptions = Partial<JobServer> & {
  /** A file: a candidate for each of `sensor`, or `{"sensors": [...]}` with one for each it names. Undefined: the definitions that were in force. */
  readonly rules?: string | undefined;
  readonly sensor?: readonly string[] | undefined;
  readonly from: string;
  readonly to: string;
  readonly late?: boolean | undefined;
  /** A file of labels: JSON, or CSV with a line of names. */
  readonly labels?: string | undefined;
  readonly tolerance?: number | undefined;
  /** A file that is not there yet: the alerts. */
  readonly csv?: string | undefined;
};

export type BacktestParts = JobParts & {
  /** Works at the data itself. Undefined when it is done, else why what was sent cannot be. Throws AdapterError, JobFailure. */
  readonly here: (
    sent: object,
    told: { readonly rows: (rows: readonly BacktestRow[]) => Promise<void>; readonly progress: (done: number, of: number) => void },
  ) => Promise<string | undefined>;
};

/** What a command was given cannot be used. */
class BacktestError extends Error {
  override readonly name = "BacktestError";
}

const object = z.record(z.string(), z.unknown());

const textOf = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new BacktestError(`${file} cannot be read: ${(error as Error).message}`);
  }
};

const named = z.array(z.looseObject({ sensorId: z.string().optional(), sensor_id: z.string().optional() }));

/** Of the file only what is needed to send it is looked at: the server says what is wrong in it. */
const sensorsOf = async (file: string | undefined, wanted: readonly string[]): Promise<object> => {
  if (file === undefined) {
    if (wanted.length === 0) throw new BacktestError("--sensor is needed where no file names the sensors");
    return { sensorIds: wanted };
  }
  const sent = object.safeParse(parsed(await textOf(file)));
  if (!sent.success) throw new BacktestError(`${file} is no JSON object with tripwires, rois and rules, or with sensors`);
  if (sent.data.sensors === undefined) {
    if (wanted.length === 0) throw new BacktestError(`--sensor is needed: ${file} does not say of which sensors it is`);
    return { sensors: wanted.map((sensorId) => ({ ...sent.data, sensorId })) };
  }
  const sensors = named.safeParse(sent.data.sensors);
  if (!sensors.success) throw new BacktestError(`${file}: sensors is no list of sensors`);
  const nameOf = (one: z.infer<typeof named>[number]) => one.sensorId ?? one.sensor_id;
  const missing = wanted.find((name) => !sensors.data.some((one) => nameOf(one) === name));
  if (missing !== undefined) throw new BacktestError(`${file} has no sensor ${missing}`);
  return { sensors: wanted.length === 0 ? sensors.data : sensors.data.filter((one) => wanted.includes(nameOf(one) ?? "")) };
};

const label = z.strictObject({
  sensorId: z.string().optional(),
  tripwireId: z.string(),
  timestamp: z.string(),
  direction: z.string(),
});

const labelsOf = async (file: string | undefined): Promise<object> => {
  if (file === undefined) return {};
  const text = await textOf(file);
  const labels = z.array(label).safeParse(parsed(text) ?? linesOf(file, text));
  if (labels.success) return { labels: labels.data };
  const [issue] = labels.error.issues;
  throw new BacktestError(`${file}: label ${Number(issue?.path[0] ?? 0) + 1}: ${issue?.path.slice(1).join(".")} ${issue?.message}`);
};

const linesOf = (file: string, text: string): unknown => {
  try {
    const rows = parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true }) as readonly Record<string, string>[];
    return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== "")));
  } catch (error) {
    throw new BacktestError(`${file} is neither JSON nor CSV with a line of names: ${(error as Error).message}`);
  }
};

/** Gives the exit code. Throws what is a defect. */
export const backtestCommand = async (parts: BacktestParts, options: BacktestOptions): Promise<number> => {
  try {
    return await run(parts, options);
  } catch (error) {
    if (!(error instanceof AdapterError || error instanceof BacktestError || error instanceof JobFailure)) throw error;
    parts.complain(error.message);
    if (error instanceof AdapterError && error.code === "in-use")
      parts.complain("A server has the data. Ask that one: tallywire backtest --server http://127.0.0.1:8080");
    return 1;
  }
};

const run = async (parts: BacktestParts, options: BacktestOptions): Promise<number> => {
  const { from, to, late = false, tolerance } = options;
  const wish = {
    ...(await sensorsOf(options.rules, options.sensor ?? [])),
    ...(await labelsOf(options.labels)),
    fromTimestamp: from,
    toTimestamp: to,
    late,
    ...(tolerance !== undefined && { tolerance }),
  };
  // Before the work: a file that cannot be written is told of at once.
  const file = options.csv === undefined ? undefined : await openFile(options.csv);
  let isFirst = true;
  let isDone = false;
  try {
    /** Each table is one of its own; names of columns hold no line break. */
    const append = async (table: string): Promise<void> => {
      await file?.write(isFirst ? table : table.slice(table.indexOf("\r\n") + 2));
      isFirst = false;
    };
    const { server, token } = options;
    const lines = server === undefined ? await here(parts, wish, append) : await there(parts, { server, token }, wish, file && append);
    for (const line of lines ?? []) parts.print(line);
    isDone = lines !== undefined;
    return isDone ? 0 : 1;
  } finally {
    await file?.close();
    // The next try is to find its place free.
    if (options.csv !== undefined && isFirst && !isDone) await rm(options.csv);
  }
};

/** Undefined where it did not come to its end. `append`: undefined where nobody wants the alerts. */
const there = async (
  parts: JobParts,
  server: JobServer,
  wish: object,
  append: ((table: string) => Promise<void>) | undefined,
): Promise<readonly string[] | undefined> => {
  const job = await runJob(parts, server, "/backtests", wish);
  if (job.state !== "done") {
    parts.complain(endingOf(job));
    return undefined;
  }
  const lines = await tablesOf(server, job.id);
  if (append !== undefined) for await (const { text } of pages(server, `/backtests/${job.id}/alerts`, "text/csv")) await append(text);
  return lines;
};

const here = async (
  parts: BacktestParts,
  wish: object,
  append: (table: string) => Promise<void>,
): Promise<readonly string[] | undefined> => {
  const counted: BacktestRow[] = [];
  const bar = barOf();
  try {
    const rows = async (found: readonly BacktestRow[]): Promise<void> => {
      counted.push(...found.filter(({ row }) => row !== "alert" && row !== "crossing"));
      const { body, table } = presentAlerts(found, "running");
      if (body.alerts.length > 0) await append(csvText(table));
    };
    const refused = await parts.here(wish, { rows, progress: (done, of) => bar.set({ done, of }) });
    if (refused !== undefined) throw new BacktestError(refused);
  } finally {
    bar.stop();
  }
  return linesOfCounts(presentCounts(counted, "done").body);
};

const openFile = async (path: string) => {
  try {
    return await open(path, "wx");
  } catch (error) {
    throw new BacktestError(`${path} cannot be written: ${(error as Error).message}`);
  }
};

const PAGE = 1000;

async function* pages(server: JobServer, path: string, accept: string) {
  for (let next: string | undefined = `${path}?limit=${PAGE}`; next !== undefined; ) {
    const page = await request(server, "GET", next, { accept });
    yield page;
    next = /<[^>]*\/api\/v2([^>]+)>;\s*rel="next"/.exec(page.link ?? "")?.[1];
  }
}

const number = z.number();
const place = { sensorId: z.string() };
const wired = { ...place, tripwireId: z.string(), direction: z.string() };
const countsOf = z.object({
  rules: z.array(
    z.object({
      ...place,
      type: z.string(),
      placeId: z.string(),
      rule_id: z.string(),
      onlyThen: number,
      onlyNow: number,
      both: number,
      changed: number,
    }),
  ),
  tripwires: z.array(z.object({ ...wired, thenCount: number, nowCount: number })),
  labels: z.array(
    z.object({ ...wired, labels: number, crossings: number, found: number, precision: number.optional(), recall: number.optional() }),
  ),
});
type Counts = z.infer<typeof countsOf>;

const tablesOf = async (server: JobServer, id: string): Promise<readonly string[]> => {
  const all: { [K in keyof Counts]: Counts[K][number][] } = { rules: [], tripwires: [], labels: [] };
  for await (const { text } of pages(server, `/backtests/${id}/counts`, "application/json")) {
    const page = countsOf.safeParse(parsed(text));
    if (!page.success) throw new BacktestError(`${server.server} answered with counts that are none of this version's`);
    all.rules.push(...page.data.rules);
    all.tripwires.push(...page.data.tripwires);
    all.labels.push(...page.data.labels);
  }
  return linesOfCounts(all);
};

const shareText = (share: number | undefined): string => (share === undefined ? "-" : `${(100 * share).toFixed(1)}%`);

const linesOfCounts = ({ rules, tripwires, labels }: Counts): readonly string[] => [
  ...tableText(
    ["rule", "sensor", "place", "only then", "only now", "both", "changed"],
    rules.map((one) => [
      one.rule_id,
      one.sensorId,
      one.type === "fov" ? "fov" : `${one.type} ${one.placeId}`,
      one.onlyThen,
      one.onlyNow,
      one.both,
      one.changed,
    ]),
  ),
  ...(tripwires.length === 0
    ? []
    : [
        "",
        ...tableText(
          ["tripwire", "sensor", "direction", "then", "now"],
          tripwires.map((one) => [one.tripwireId, one.sensorId, one.direction, one.thenCount, one.nowCount]),
        ),
      ]),
  ...(labels.length === 0
    ? []
    : [
        "",
        ...tableText(
          ["labels", "sensor", "direction", "seen", "crossings", "found", "precision", "recall"],
          labels.map((one) => [
            one.tripwireId,
            one.sensorId,
            one.direction,
            one.labels,
            one.crossings,
            one.found,
            shareText(one.precision),
            shareText(one.recall),
          ]),
        ),
      ]),
];
