/** GET /backtests/{id}/alerts, /crossings, /counts: what a backtest found, page by page, as JSON or as a table. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { BacktestResult, BacktestRow, ThenNow } from "../../domain/backtest-rows.ts";
import { type Job, JobFailure, type Jobs } from "../../domain/job.ts";
import type { Limits } from "../../domain/limits.ts";
import { readMark } from "../after.ts";
import type { Env } from "../env.ts";
import * as parameter from "../parameters.ts";
import { type Parameters, readParameters, type Values } from "../parameters.ts";
import { Problem } from "../problem.ts";
import { route } from "../route.ts";
import { alertTable, PAGE } from "./alerts.ts";
import { type Cell, csvText, type Table, wantsCsv } from "./csv.ts";
import type { Emdx } from "./emdx.ts";
import { jobAt, jobInPath } from "./jobs.ts";
import * as jobSchemas from "./jobs-schemas.ts";
import { alertBody, crossingBody } from "./present.ts";
import * as schemas from "./schemas.ts";

const paged = { limit: parameter.limit(PAGE), cursor: parameter.cursor };
type Page = Values<typeof paged>;
type Of<R extends BacktestRow["row"]> = Extract<BacktestRow, { readonly row: R }>;
const is =
  <R extends BacktestRow["row"]>(row: R) =>
  (one: BacktestRow): one is Of<R> =>
    one.row === row;

export const backtestRoutes = (emdx: Emdx): void => {
  results(emdx, {
    part: "alerts",
    summary: "Alerts that were raised, and that a backtest would have raised: only then, only now, and both.",
    parameters: {
      side: parameter.oneOf("`then`: only raised. `now`: only by the candidate. All when left out.", "then", "now", "both"),
      ruleId: parameter.oneId("One rule."),
      ...paged,
    },
    answer: jobSchemas.backtestAlerts,
    begins: () => 0,
    ends: countsFrom,
    wanted: (row, { side, ruleId }) =>
      row.row === "alert" &&
      (side === undefined || row.side === side) &&
      (ruleId === undefined || (row.now ?? row.then)?.ruleId === ruleId),
    present: presentAlerts,
  });

  results(emdx, {
    part: "crossings",
    summary: "Crossings of a backtest's tripwires, in the order of its sensors and of time.",
    parameters: { tripwireId: parameter.oneId("One tripwire."), ...paged },
    answer: schemas.crossings,
    begins: () => 0,
    ends: countsFrom,
    wanted: (row, { tripwireId }) => row.row === "crossing" && (tripwireId === undefined || row.crossing.place.id === tripwireId),
    present: (rows) => {
      const crossings = rows.filter(is("crossing")).map(({ crossing }) => crossingBody(crossing));
      return {
        body: { crossings },
        table: {
          columns: ["sensorId", "tripwireId", "objectId", "objectType", "direction", "at", "confirmedAt", "late"],
          rows: crossings.map((one) => [
            one.sensorId,
            one.tripwireId,
            one.object.id,
            one.object.type,
            one.direction,
            one.at,
            one.confirmedAt,
            one.late,
          ]),
        },
      };
    },
  });

  results(emdx, {
    part: "counts",
    summary: "What a backtest comes to: alerts of each rule, crossings of each tripwire, and how many labels were found again.",
    parameters: paged,
    answer: jobSchemas.backtestCounts,
    begins: countsFrom,
    ends: () => undefined,
    wanted: ({ row }) => row !== "alert" && row !== "crossing",
    present: presentCounts,
  });
};

type Counts = z.infer<typeof jobSchemas.backtestCounts>;
const compared = (counts: ThenNow) => ({ thenCount: counts.then, nowCount: counts.now });

const columns = [
  ...["of", "sensorId", "type", "placeId", "rule_id", "rule_type", "direction", "objectType"],
  ...["onlyThen", "onlyNow", "both", "changed", "countMode", "thenCount", "nowCount"],
  ...["labels", "crossings", "found", "precision", "recall"],
];

type Presented<A> = { readonly body: A; readonly table: Table };

export const presentAlerts = (rows: readonly BacktestRow[], state: Job["state"]): Presented<z.infer<typeof jobSchemas.backtestAlerts>> => {
  const found = rows.filter(is("alert"));
  const alerts = found.map((row) => ({
    side: row.side,
    changed: row.changed,
    ...(row.then && { thenAlert: alertBody(row.then) }),
    ...(row.now && { nowAlert: alertBody(row.now) }),
  }));
  const shown = alertTable(alerts.flatMap(({ thenAlert, nowAlert }) => nowAlert ?? thenAlert ?? []));
  return {
    body: { state, alerts },
    table: {
      columns: ["side", "changed", "then_id", ...shown.columns],
      rows: shown.rows.map((cells, i) => [alerts[i]?.side, alerts[i]?.changed, alerts[i]?.thenAlert?.id, ...cells]),
    },
  };
};

export const presentCounts = (rows: readonly BacktestRow[], state: Job["state"]): Presented<Counts> => {
  const body: Counts = {
    state,
    rules: rows.filter(is("rule")).map(({ row: _, camera, analytic, ruleId, ruleType, ...counts }) => ({
      sensorId: camera,
      type: analytic,
      rule_id: ruleId,
      rule_type: ruleType,
      ...counts,
    })),
    tripwires: rows.filter(is("tripwire")).map(({ camera, tripwireId, direction, ...counts }) => ({
      sensorId: camera,
      tripwireId,
      direction,
      ...compared(counts),
    })),
    crossings: rows.filter(is("crossings")).map(({ row: _, camera, raw, distinct, net, ...of }) => ({
      sensorId: camera,
      ...of,
      ...(raw && { raw: compared(raw) }),
      distinct: compared(distinct),
      ...(net && { net: compared(net) }),
    })),
    stays: rows.filter(is("stays")).map(({ camera, analytic, placeId, ...counts }) => ({
      sensorId: camera,
      type: analytic,
      placeId,
      ...compared(counts),
    })),
    labels: rows.filter(is("labels")).map(({ row: _, camera, ...counts }) => ({ sensorId: camera, ...counts })),
  };
  return { body, table: countTable(body) };
};

/** One line a count, empty where it has no such thing. */
const countTable = ({ rules, tripwires, crossings, stays, labels }: Counts): Table => {
  const lines: readonly Readonly<Record<string, Cell>>[] = [
    ...rules.map((one) => ({ of: "rule", ...one })),
    ...tripwires.map(({ tripwireId, ...one }) => ({ of: "tripwire", type: "tripwire", placeId: tripwireId, countMode: "raw", ...one })),
    ...crossings.flatMap(({ tripwireId, raw, distinct, net, ...one }) =>
      Object.entries({ raw, distinct, net }).flatMap(([countMode, counts]) =>
        counts === undefined ? [] : [{ of: "crossings", type: "tripwire", placeId: tripwireId, countMode, ...one, ...counts }],
      ),
    ),
    ...stays.map((one) => ({ of: "stays", ...one })),
    ...labels.map(({ tripwireId, ...one }) => ({ of: "labels", type: "tripwire", placeId: tripwireId, ...one })),
  ];
  return { columns, rows: lines.map((line) => columns.map((column) => line[column])) };
};

/** Undefined while that is not known: a backtest that is not done has no counts. */
const countsFrom = ({ result }: Job): number | undefined => (result as BacktestResult | undefined)?.countsFrom;

type Results<P extends Parameters, A> = {
  readonly part: string;
  readonly summary: string;
  readonly parameters: P & typeof paged;
  readonly answer: z.ZodType<A>;
  /** The number of the first row, undefined where there is none yet. */
  readonly begins: (job: Job) => number | undefined;
  /** The number after the last; undefined for all there are. */
  readonly ends: (job: Job) => number | undefined;
  readonly wanted: (row: BacktestRow, asked: Values<P> & Page) => boolean;
  readonly present: (rows: readonly BacktestRow[], state: Job["state"]) => Presented<A>;
};

const results = <P extends Parameters, A>(emdx: Emdx, own: Results<P, A>): void => {
  const { core, cursors } = emdx.house;
  const declared = {
    method: "get",
    path: `/backtests/{id}/${own.part}`,
    scope: "events:read",
    summary: own.summary,
    parameters: own.parameters,
    more: [jobInPath],
    responses: {
      200: {
        description: own.summary,
        content: { "application/json": { schema: own.answer }, "text/csv": { schema: { type: "string" } } },
        headers: {
          Link: {
            schema: { type: "string" },
            description: "Where there may be more, also after a page with fewer than the limit: rel=next.",
          },
        },
      },
    },
    refusals: [404, 422],
  } as const;
  route(emdx, declared, async (c, { tenant }) => {
    const asked = readParameters(own.parameters, new URL(c.req.url).searchParams, core.limits) as Values<P> & Page;
    const job = await jobAt(emdx, c, { tenant, kind: "backtest", resource: "backtests", at: -2 });
    const question = `/backtests/${job.id}/${own.part}`;
    const mark = readMark(emdx.house, tenant, question, asked.cursor);
    const range = { from: mark?.at ?? own.begins(job), to: own.ends(job) };
    const { rows, next } = await wantedRows(core.jobs, core.limits, { tenant, id: job.id, range, limit: asked.limit }, (row) =>
      own.wanted(row, asked),
    );
    const { body, table } = own.present(rows, job.state);
    if (next !== undefined) link(c, cursors.page(tenant, question, { at: next, id: "" }));
    c.header("vary", "Accept");
    if (!wantsCsv(c)) return c.json(body as object);
    return c.body(csvText(table), 200, { "content-type": "text/csv; charset=utf-8; header=present" });
  });
};

const link = (c: Context<Env>, cursor: string): void => {
  const next = new URL(c.req.url);
  // Links end up in logs.
  next.searchParams.delete("token");
  next.searchParams.set("cursor", cursor);
  c.header("link", `<${next.pathname}${next.search}>; rel="next"`);
};

type Wanted = {
  readonly tenant: string;
  readonly id: string;
  readonly range: { readonly from: number | undefined; readonly to: number | undefined };
  readonly limit: number;
};

/** Looks through so many rows and no more: who wants few of many asks again from `next`. */
const wantedRows = async (
  jobs: Jobs,
  { pageRows, jobScanRows }: Limits,
  { tenant, id, range: { from, to = Number.POSITIVE_INFINITY }, limit }: Wanted,
  isWanted: (row: BacktestRow) => boolean,
): Promise<{ readonly rows: readonly BacktestRow[]; readonly next: number | undefined }> => {
  const found: BacktestRow[] = [];
  let at = from;
  for (let seen = 0; at !== undefined && at < to && seen < jobScanRows; ) {
    const page = await jobs.rows(tenant, id, { from: at, limit: Math.min(pageRows, to - at) }).catch(gone);
    const begin = at;
    for (const [i, row] of (page.rows as unknown as readonly BacktestRow[]).entries()) {
      if (!isWanted(row)) continue;
      found.push(row);
      if (found.length < limit) continue;
      const after = begin + i + 1;
      return { rows: found, next: i + 1 < page.rows.length || (page.next !== undefined && after < to) ? after : undefined };
    }
    seen += page.rows.length;
    at = page.next;
  }
  return { rows: found, next: at !== undefined && at < to ? at : undefined };
};

const gone = (error: unknown): never => {
  if (error instanceof JobFailure) throw new Problem(404, `Of this backtest ${error.message}.`);
  throw error;
};
