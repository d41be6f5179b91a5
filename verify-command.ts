/**
 * `tallywire verify`: proves that logs and warehouse agree, or names what differs. It opens the data itself where nobody has it; a server that
 * has it is asked for a job. Ends with 0 where they agree, 1 where they differ, 2 where that could not be found out, or not of all.
 */
import { z } from "zod";
import type { Instant } from "./domain/envelope.ts";
import { type Finding, findingText } from "./domain/finding.ts";
import { AdapterError, type Logs, type Warehouse } from "./domain/ports.ts";
import { barOf, endingOf, type JobParts, type JobServer, runJob } from "./job-command.ts";
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

type Parts = JobParts & {
  /** Opens the data; what was opened is closed by `close`. Throws AdapterError. */
  readonly open: () => Promise<Opened & { readonly close: () => Promise<void> }>;
};

const CODES = { agree: 0, differ: 1, unchecked: 2 } as const;

/** Gives the exit code. Throws what is a defect. */
export const verifyCommand = async (parts: Parts, options: VerifyOptions): Promise<number> => {
  const { print, complain } = parts;
  const { server, token } = options;
  try {
    const found = server === undefined ? await here(parts, options) : await there(parts, options, { server, token });
    if (options.json === true) print(JSON.stringify(found));
    else for (const line of linesOf(found)) print(line);
    return CODES[found.verdict];
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    complain(error.message);
    if (error.code === "in-use") complain("A server has the data. Ask that one: tallywire verify --server http://127.0.0.1:8080");
    return CODES.unchecked;
  }
};

type Found = Omit<Verified, "derived"> & { readonly derived?: Verified["derived"]; readonly days?: readonly DayTold[] };

const here = async ({ open, clock, stop }: Parts, { from, to, tenant, derive = false, days }: VerifyOptions): Promise<Found> => {
  const { logs, warehouse, reached, journal, close } = await open();
  const bar = barOf();
  const told: Finding[] = [];
  const all: DayTold[] = [];
  try {
    const parts = { logs, warehouse: () => warehouse, reached, clock, journal };
    const asked = {
      wish: { kind: "verify", from, to, derive } as const,
      tenant,
      stop,
      progress: (done: number, of: number): void => bar.set({ done, of }),
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
    bar.stop();
    await close();
  }
};

const count = z.number().int().min(0);
const resultOf = z.looseObject({
  verdict: z.enum(["agree", "differ", "unchecked"]),
  findings: count,
  told: z.array(z.looseObject({ what: z.string() })),
  tables: z.array(z.object({ table: z.string(), days: count, events: count, rows: count, before: count })),
  waiting: z.object({ facts: count, derived: count }),
  derived: z.object({ events: count, left: count }).optional(),
});

const there = async (parts: JobParts, { from, to, derive = false }: VerifyOptions, asked: JobServer): Promise<Found> => {
  const instant = (at: Instant): string => new Date(at).toISOString();
  const wish = {
    ...(from !== undefined && { fromTimestamp: instant(from) }),
    ...(to !== undefined && { toTimestamp: instant(to) }),
    derive,
  };
  const job = await runJob(parts, asked, "/verifications", wish);
  if (job.state !== "done") throw failed(endingOf(job));
  const result = resultOf.safeParse(job.result);
  if (!result.success) throw failed(`${asked.server} answered with a result that is none of this version's.`);
  return result.data as unknown as Found;
};

const failed = (message: string): AdapterError => new AdapterError("unavailable", message, { retryable: false });

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
