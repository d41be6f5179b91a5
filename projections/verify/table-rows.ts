/**
 * A table's rows of one partition of the log, read in pages: camera by camera in the table's own order, or of one camera and day in the
 * order of the log. Equal rows are never parted by a page's end. Each statement of a camera bears its tenant, and so takes that tenant's turn.
 */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Position, Row, Warehouse } from "../../domain/ports.ts";
import { FIRST, LAST } from "../projection.ts";
import { DAY_MS, type Form } from "./form.ts";

/** [from, to) of positions in a partition of a log; of the days [since, until). */
export type Extent = {
  readonly epoch: string;
  readonly partition: number;
  readonly from: Position;
  readonly to: Position;
  readonly tenant: string | undefined;
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
};

/** What a page is to hold, in UTF-16 code units of rows: as much is turned from text to rows in one go, and everybody else waits meanwhile. */
const PAGE_TEXT = 256 * 1024;
const MOST_ROWS = 4096;
const FIRST_ROWS = 16;

const within = ({ epoch, partition, from, to, since, until }: Extent) => ({
  epoch,
  partition,
  from,
  to,
  since: since ?? FIRST,
  until: until ?? LAST,
});
const WITHIN = (instant: string): string =>
  `epoch = {epoch:String} AND partition = {partition:UInt32} AND position >= {from:Int64} AND position < {to:Int64}
  AND ${instant} >= {since:Int64} AND ${instant} < {until:Int64}`;

export type CameraRows = CameraKey & { readonly n: number };

/** Whose rows there are, and how many. */
export const camerasOf = (warehouse: Warehouse, { table, instant }: Form, extent: Extent): Promise<readonly CameraRows[]> =>
  warehouse.select<CameraRows>(
    `SELECT tenant, camera, count() AS n FROM ${table}
WHERE ${WITHIN(instant)}${extent.tenant === undefined ? "" : " AND tenant = {tenant:String}"} GROUP BY tenant, camera ORDER BY tenant, camera`,
    { ...within(extent), ...(extent.tenant === undefined ? {} : { tenant: extent.tenant }) },
  );

type Page = { readonly rows: readonly Row[]; readonly texts: readonly string[] };

/** As many rows more or less as fill a page. */
const sized = (rows: number, { rows: got, texts }: Page): number => {
  const text = texts.reduce((sum, one) => sum + one.length, 0);
  const fit = got.length === 0 ? rows : Math.floor((PAGE_TEXT * got.length) / Math.max(1, text));
  return Math.max(1, Math.min(MOST_ROWS, 4 * rows, fit));
};

const pageOf = (form: Form, rows: readonly Row[]): Page => ({ rows, texts: rows.map(form.textOf) });

/** Some cameras of one tenant. `n`: rows they have together. */
export type Group = { readonly tenant: string; readonly cameras: readonly string[]; readonly n: number };

/** Rows that are read in one go, of however many cameras: a statement costs more than so few rows. */
const GROUP_ROWS = 256;

/** Cameras that have few rows together, the others alone. They are in the order of their tenants. */
export const groupsOf = (cameras: readonly CameraRows[], most = GROUP_ROWS): readonly Group[] => {
  const groups: { tenant: string; cameras: string[]; n: number }[] = [];
  for (const { tenant, camera, n } of cameras) {
    const last = groups.at(-1);
    if (last === undefined || last.tenant !== tenant || last.n + n > most) groups.push({ tenant, cameras: [camera], n });
    else {
      last.cameras.push(camera);
      last.n += n;
    }
  }
  return groups;
};

const WHOSE = "tenant = {tenant:String} AND camera = {camera:String}";
/** Milliseconds of event time that are looked through at first; then as many as hold about a page. */
const FIRST_WINDOW_MS = 60_000;

/** A group's, by camera, instant and position: of few rows all in one page, else of the one camera there is. */
export async function* rowsOf(warehouse: Warehouse, form: Form, extent: Extent, group: Group): AsyncGenerator<Page> {
  const { table, instant, columns } = form;
  const { tenant, cameras, n } = group;
  const [camera = ""] = cameras;
  const select = `SELECT ${columns.join(", ")} FROM ${table}`;
  const params = { ...within(extent), tenant };
  if (n <= GROUP_ROWS) {
    const sql = `${select}
WHERE tenant = {tenant:String} AND camera IN {cameras:Array(String)} AND ${WITHIN(instant)} ORDER BY camera, ${instant}, position`;
    yield pageOf(form, await warehouse.select<Row>(sql, { ...params, cameras }));
    return;
  }
  const next = `SELECT min(${instant}) AS nearest, count() AS n FROM ${table} WHERE ${WHOSE} AND ${WITHIN(instant)}`;
  const sql = `${select} WHERE ${WHOSE} AND ${WITHIN(instant)} AND (${instant}, position) > ({since:Int64}, {after:Int64})
ORDER BY ${instant}, position LIMIT {rows:UInt32} WITH TIES`;
  let window = FIRST_WINDOW_MS;
  let rows = FIRST_ROWS;
  let since = extent.since ?? FIRST;
  for (;;) {
    // Over times without rows in one step: the windows need not look through them.
    const [found] = await warehouse.select<{ nearest: Instant; n: number }>(next, { ...params, camera, since });
    if (found === undefined || found.n === 0) return;
    since = found.nearest;
    for (let seen = 1; seen > 0; ) {
      const until = Math.min(since + window, params.until);
      seen = 0;
      for (let after = -1; ; ) {
        const page = pageOf(form, await warehouse.select<Row>(sql, { ...params, camera, since, until, after, rows }));
        if (page.rows.length > 0) yield page;
        seen += page.rows.length;
        const last = page.rows.at(-1);
        if (last === undefined || page.rows.length < rows) break;
        since = last[instant] as Instant;
        after = last.position as Position;
        rows = sized(rows, page);
      }
      if (seen < rows / 2) window *= 8;
      else if (seen > 2 * rows) window = Math.max(1, Math.floor(window / 2));
      since = until;
      if (since >= params.until) return;
    }
  }
}

/**
 * A camera's of one day, by position. First how far a page reaches, from the positions alone: they are not in the table's order, and to
 * sort whole rows for each page would read the day as often as it has pages.
 */
export async function* rowsOfDay(
  warehouse: Warehouse,
  form: Form,
  extent: Extent,
  { tenant, camera, day }: CameraKey & { readonly day: Instant },
): AsyncGenerator<Page> {
  const { table, instant, columns } = form;
  const which = `FROM ${table} WHERE ${WHOSE} AND ${WITHIN(instant)}`;
  const reach = `SELECT max(position) AS last, count() AS n FROM (SELECT position ${which} ORDER BY position LIMIT {rows:UInt32})`;
  const sql = `SELECT ${columns.join(", ")} ${which} ORDER BY position`;
  const since = Math.max(day, extent.since ?? FIRST);
  const until = Math.min(day + DAY_MS, extent.until ?? LAST);
  const params = { ...within({ ...extent, since, until }), tenant, camera };
  let { from } = extent;
  for (let rows = FIRST_ROWS; ; ) {
    const [found] = await warehouse.select<{ last: Position; n: number }>(reach, { ...params, from, rows });
    if (found === undefined || found.n === 0) return;
    const to = found.last + 1;
    const page = pageOf(form, await warehouse.select<Row>(sql, { ...params, from, to }));
    yield page;
    if (found.n < rows) return;
    from = to;
    rows = sized(rows, page);
  }
}
