/** The summary of positions, compared with what the log's frames say of each hour. */
import { type CameraKey, type Instant, keyText } from "../../domain/envelope.ts";
import type { Finding } from "../../domain/finding.ts";
import type { Position, Warehouse } from "../../domain/ports.ts";
import { FIRST, LAST } from "../projection.ts";
import { dayOf, dayText } from "./form.ts";
import { hoursOf, type Ledger } from "./ledger.ts";
import type { Holes } from "./log-events.ts";
import { type CameraRows, type Extent, type Group, groupsOf } from "./table-rows.ts";

const TABLE = "positions";
type Span = readonly [least: Position, greatest: Position];
type HourRow = { readonly camera: string; readonly hour: Instant; readonly a: Position; readonly b: Position };

const HOUR_MS = 3_600_000;

/** Cameras the summary knows in this partition, and of how many hours. */
const summed = (warehouse: Warehouse, { partition, tenant }: Extent): Promise<readonly CameraRows[]> =>
  warehouse.select<CameraRows>(
    `SELECT tenant, camera, uniqExact(hour) AS n FROM ${TABLE} WHERE partition = {partition:UInt32}${tenant === undefined ? "" : " AND tenant = {tenant:String}"} GROUP BY tenant, camera ORDER BY tenant, camera`,
    { partition, ...(tenant === undefined ? {} : { tenant }) },
  );

/** Hours that are read in one go: of a camera alone where it has more. */
const GROUP_HOURS = 2000;

/**
 * An end of an hour's span is not compared where it lies before the log's oldest kept position, in what is still being brought in, or in a
 * record that cannot be read: there the log cannot say what it should be.
 */
export const compareHours = async (
  warehouse: Warehouse,
  extent: Extent,
  { tenant, cameras }: Group,
  ledger: Ledger,
  holes: Holes,
): Promise<readonly Finding[]> => {
  const { partition, from, to, since, until } = extent;
  // Only hours that lie in the asked days whole: of others the log was not asked for all.
  const first = since === undefined ? FIRST : Math.ceil(since / HOUR_MS) * HOUR_MS;
  const end = until === undefined ? LAST : Math.floor(until / HOUR_MS) * HOUR_MS;
  const rows = await warehouse.select<HourRow>(
    `SELECT camera, hour, min(${TABLE}.least) AS a, max(${TABLE}.greatest) AS b FROM ${TABLE}
WHERE tenant = {tenant:String} AND camera IN {cameras:Array(String)} AND partition = {partition:UInt32} AND hour >= {first:Int64} AND hour < {end:Int64}
GROUP BY camera, hour ORDER BY camera, hour`,
    { tenant, cameras, partition, first, end },
  );
  const isKnown = (position: Position): boolean => position >= from && position < to && !holes.has(position);
  const findings: Finding[] = [];
  for (const camera of cameras) {
    const logged = new Map<Instant, Span>();
    for (const entry of ledger.of("frames", { tenant, camera }))
      for (const [hour, least, greatest] of hoursOf(entry)) logged.set(hour, [least, greatest]);
    const told = (hour: Instant, expected: Span | null, found: Span | null): void => {
      const day = dayText(dayOf(hour));
      findings.push({ what: "positions-differ", tenant, camera, partition, day, hour: (hour - dayOf(hour)) / HOUR_MS, expected, found });
    };
    for (const { hour, a, b } of rows.filter((row) => row.camera === camera)) {
      const span = logged.get(hour);
      logged.delete(hour);
      if (span === undefined) {
        if (isKnown(a) || isKnown(b)) told(hour, null, [a, b]);
      } else if ((isKnown(a) ? a !== span[0] : a > span[0]) || (isKnown(b) ? b !== span[1] : b < span[1])) told(hour, span, [a, b]);
    }
    for (const [hour, span] of logged) if (hour >= first && hour < end) told(hour, span, null);
  }
  return findings;
};

/** Cameras of the summary and those with frames, some at a time. */
export const hourGroups = async (
  warehouse: Warehouse,
  extent: Extent,
  ledger: Ledger,
  isOurs: (camera: CameraKey) => boolean,
): Promise<readonly Group[]> => {
  const known = await summed(warehouse, extent);
  const names = new Set(known.map(({ tenant, camera }) => keyText(tenant, camera)));
  const fresh = ledger.camerasOf("frames").filter(({ tenant, camera }) => !names.has(keyText(tenant, camera)));
  return groupsOf([...known.filter(isOurs), ...fresh.map((camera) => ({ ...camera, n: 1 }))], GROUP_HOURS);
};
