/**
 * `tallywire verify`: proves that logs and warehouse agree, or names what differs. It opens the data itself where nobody has it; a server that
 * has it is asked for a job. Ends with 0 where they agree, 1 where they differ, 2 where that could not be found out, or not of all.
 */
import { SingleBar } from "cli-progress";
import { z } from "zod";
import type { Instant } from "./domain/envelope.ts";
import { type Finding, findingText } from "./domain/finding.ts";
import { AdapterError, type Clock, type Logs, type Stop, type Warehouse } from "./domain/ports.ts";
import { instantOf } from "./domain/timestamp.ts";
import type { DayTold } from "./projections/verify/verify.ts";
import { type Verified, type VerifyParts, verifyAll } from "./roles/jobs/verify.ts";

export type VerifyOptions = {
  readonly from?: Instant | undefined;
  readonly to?: Instant | undefined;
  readonly tenant?: string | undefined;
  readonly derive?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly days?: boolean | undefined;
  readonly server?: string | undefined;
  readonly token?: string | undefined;
};

type Opened = Pick<VerifyParts, "reached" | "journal"> & { readonly logs: Logs; readonly warehouse: Warehouse };

type Parts = {
  /** Opens the data; what was opened is closed by `close`. Throws AdapterError. */
  readonly open: () => Promise<Opened & { readonly close: () => Promise<void> }>;
  readonly clock: Clock;
  readonly stop: Stop;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
};

const CODES = { agree: 0, differ: 1, unchecked: 2 } as const;

/** 2026-01-31, the day's beginning in UTC, or an instant of RFC 3339. Otherwise what is wrong with it. */
export const dayOrInstant = (text: string): Instant | string => instantOf(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);

/** Gives the exit code. Throws what is a defect. */
export const verifyCommand = async (parts: Parts, options: VerifyOptions): Promise<number> => {
  const { print, complain } = parts;
  const bar = barOf();
  try {
    const found = options.server === undefined ? await here(parts, options, bar) : await there(parts, options, options.server, bar);
    bar.stop();
    if (options.json === true) print(JSON.stringify(found));
    else for (const line of linesOf(found)) print(line);
    return CODES[found.verdict];
  } catch (error) {
    bar.stop();
    if (!(error instanceof AdapterError)) throw error;
    complain(error.message);
    if (error.code === "in-use") complain("A server has the data. Ask that one: tallywire verify --server http://127.0.0.1:8080");
    return CODES.unchecked;
  }
};

type Bar = { readonly set: (done: number, of: number) => void; readonly stop: () => void };

const barOf = (): Bar => {
  if (process.stderr.isTTY !== true) return { set: () => undefined, stop: () => undefined };
  const bar = new SingleBar({ format: "{bar} {percentage}%  {value} of {total} records", stream: process.stderr, clearOnComplete: true });
  let isStarted = false;
  return {
    set: (done, of) => {
      if (!isStarted) bar.start(of, done);
      isStarted = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
};

type Found = Omit<Verified, "derived"> & { readonly derived?: Verified["derived"]; readonly days?: readonly DayTold[] };

const here = async ({ open, clock, stop }: Parts, { from, to, tenant, derive = false, days }: VerifyOptions, bar: Bar): Promise<Found> => {
  const { logs, warehouse, reached, journal, close } = await open();
  const told: Finding[] = [];
  const all: DayTold[] = [];
  try {
    const parts = { logs, warehouse: () => warehouse, reached, clock, journal };
    const asked = {
      wish: { kind: "verify", from, to, derive } as const,
      tenant,
      stop,
      progress: bar.set,
      pause: () => Promise.resolve(),
      tell: (finding: Finding) => void told.push(finding),
      tellDay: (day: DayTold) => {
        if (days === true) all.push(day);
        return undefined;
      },
    };
    const verified = await verifyAll(parts, asked);
    return { ...verified, told, ...(days === true && { days: all }) };
  } finally {
    await close();
  }
};

/** Milliseconds between two looks at a job. */
const LOOK_MS = 300;

const count = z.number().int().min(0);
const resultOf = z.looseObject({
  verdict: z.enum(["agree", "differ", "unchecked"]),
  findings: count,
  told: z.array(z.looseObject({ what: z.string() })),
  tables: z.array(z.object({ table: z.string(), days: count, events: count, rows: count, before: count })),
  waiting: z.object({ facts: count, derived: count }),
  derived: z.object({ events: count, left: count }).optional(),
});
const jobOf = z.looseObject({
  id: z.string(),
  state: z.enum(["queued", "running", "done", "failed", "cancelled"]),
  progress: z.object({ done: z.number(), of: z.number() }).optional(),
  result: z.unknown().optional(),
  reason: z.string().optional(),
});

const there = async (parts: Parts, options: VerifyOptions, server: string, bar: Bar): Promise<Found> => {
  const { clock, stop } = parts;
  const { from, to, derive = false, token } = options;
  const instant = (at: Instant): string => new Date(at).toISOString();
  const wish = {
    ...(from !== undefined && { fromTimestamp: instant(from) }),
    ...(to !== undefined && { toTimestamp: instant(to) }),
    derive,
  };
  const asking = { base: `${server.replace(/\/+$/, "")}/api/v2/verifications`, token };
  let job = await ask(asking, "POST", "", wish);
  while (job.state === "queued" || job.state === "running") {
    if (job.progress !== undefined) bar.set(job.progress.done, job.progress.of);
    await clock.sleep(LOOK_MS, stop);
    job = await ask(asking, stop.aborted ? "DELETE" : "GET", `/${job.id}`);
    if (stop.aborted) break;
  }
  if (job.state !== "done")
    throw failed("unavailable", `The verification ${job.id} is ${job.state}${job.reason === undefined ? "." : `: ${job.reason}`}`);
  const result = resultOf.safeParse(job.result);
  if (!result.success) throw failed("unavailable", `${server} answered with a result that is none of this version's.`);
  return result.data as unknown as Found;
};

const failed = (code: AdapterError["code"], message: string, cause?: unknown): AdapterError =>
  new AdapterError(code, message, { retryable: false, cause });

/** Throws AdapterError `unavailable` that says what the server said. */
const ask = async (
  { base, token }: { readonly base: string; readonly token: string | undefined },
  method: string,
  path: string,
  body?: object,
): Promise<z.infer<typeof jobOf>> => {
  const headers = {
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  let text: string;
  let response: Response;
  try {
    response = await fetch(base + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    text = await response.text();
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw failed("unavailable", `${base} cannot be asked: ${why}`, cause);
  }
  if (!response.ok) throw failed("unavailable", `${base} answered ${response.status}: ${text}`);
  const job = jobOf.safeParse(jsonOf(text));
  if (!job.success) throw failed("unavailable", `${base} answered with something that is no job.`);
  return job.data;
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const VERDICTS = {
  agree: "Logs and warehouse agree.",
  differ: "Logs and warehouse do not agree",
  unchecked: "Nothing differs, but not all could be compared",
} as const;

const few = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** A server of a later version may tell of what is not known here. */
const said = (finding: Finding): string => (findingText(finding) as string | undefined) ?? JSON.stringify(finding);

const linesOf = ({ verdict, findings, told, tables, waiting, derived, days }: Found): readonly string[] => [
  ...(days ?? []).map(
    ({ tenant, camera, day, table, log, rows, agrees }) =>
      `${day} ${tenant}/${camera} ${table}: log ${log.count} ${log.hash}, table ${rows.count} ${rows.hash}${agrees ? "" : " DIFFERS"}`,
  ),
  ...told.map((finding) => `- ${said(finding)}`),
  ...(findings > told.length ? [`- and ${findings - told.length} more, among the rows of the job`] : []),
  ...tables.map(
    ({ table, days: n, events, rows, before }) =>
      `${table}: ${few(events, "event")}, ${few(rows, "row")}, ${few(n, "day")} of cameras${before > 0 ? `; ${few(before, "row")} older than the log, not compared` : ""}`,
  ),
  ...(derived === undefined
    ? []
    : [
        `derived again: ${few(derived.events, "event")}${derived.left > 0 ? `; ${few(derived.left, "camera")} not, of which the log has no beginning` : ""}`,
      ]),
  ...(waiting.facts + waiting.derived > 0
    ? [`not brought in yet, not compared: ${few(waiting.facts, "record")} of facts, ${waiting.derived} of what was derived`]
    : []),
  findings === 0 ? VERDICTS.agree : `${VERDICTS[verdict]}: ${few(findings, "finding")}.`,
];
