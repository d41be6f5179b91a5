/** The first look: a partition of a log and its tables, folded into one ledger. What differs there is looked at again (narrow.ts). */
import { addText, noSum } from "../../domain/digest.ts";
import { type CameraKey, type Instant, keyText } from "../../domain/envelope.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Position, Row, Warehouse } from "../../domain/ports.ts";
import type { Form } from "./form.ts";
import { addHour, addLogged, addRow, Ledger } from "./ledger.ts";
import { type Holes, readPast } from "./log-events.ts";
import type { Range } from "./structure.ts";
import { camerasOf, type Extent, groupsOf, rowsOf } from "./table-rows.ts";
import type { Breath, Verifying } from "./verify.ts";

/** Of all cameras, those whose number modulo `of` is `at`: where all at once would be more days than are remembered. */
export type Share = { readonly of: number; readonly at: number };
/** So many shares, and a ledger may grow as it will. */
const MOST_SHARES = 1 << 16;

export const isOfShare = ({ of, at }: Share, { tenant, camera }: CameraKey): boolean => {
  if (of === 1) return true;
  const sum = noSum();
  addText(sum, keyText(tenant, camera));
  return sum.low % of === at;
};

export const halves = ({ of, at }: Share): readonly Share[] => [
  { of: 2 * of, at },
  { of: 2 * of, at: at + of },
];

export type Folding = Verifying & {
  readonly range: Range;
  readonly forms: readonly Form[];
  readonly extent: Extent;
  readonly share: Share;
  readonly holes: Holes;
  readonly breath: Breath;
};

const isThen = ({ since, until }: Extent, at: Instant): boolean =>
  (since === undefined || at >= since) && (until === undefined || at < until);

/** What an event has in a table, where it was asked for. */
export const placedRow = (form: Form, extent: Extent, event: Fact | Derived, position: Position): Row | undefined => {
  const row = form.rowOf(event, { epoch: extent.epoch, partition: extent.partition, position });
  return row === undefined || !isThen(extent, row[form.instant] as number) ? undefined : row;
};

/** `arrival`: of the oldest event there is. Undefined: there were too many days. */
export const foldLog = async (folding: Folding): Promise<{ readonly ledger: Ledger; readonly arrival: Instant } | undefined> => {
  const { range, forms, extent, share, holes, breath, clock, stop, limits } = folding;
  const { log, partition } = range;
  const ledger = new Ledger();
  let arrival: Instant = Number.MAX_SAFE_INTEGER;
  let isFirst = true;
  for await (const { events, positions } of readPast({ log, partition, clock, stop, holes }, extent.from, extent.to)) {
    if (isFirst) for (const { receivedAt } of events) arrival = Math.min(arrival, receivedAt);
    isFirst = false;
    for (const [i, event] of events.entries()) {
      if ((extent.tenant !== undefined && event.tenant !== extent.tenant) || !isOfShare(share, event)) {
        await breath.take(1);
        continue;
      }
      const position = positions[i] as Position;
      for (const form of forms) {
        const row = placedRow(form, extent, event, position);
        if (row === undefined) continue;
        const text = form.textOf(row);
        const { tenant, camera } = event;
        const entry = addLogged(ledger, { table: form.table, tenant, camera, day: form.dayOf(row), position }, text);
        if (form.table === "frames") addHour(entry, row[form.instant] as number, position);
        await breath.take(text.length);
      }
    }
    if (ledger.size > limits.verifyDays && share.of < MOST_SHARES) return undefined;
    breath.reached(range, positions.at(-1) ?? extent.from);
  }
  await breath.end();
  return { ledger, arrival };
};

/** A table's rows into the ledger. */
export const foldTable = async (folding: Folding, form: Form, ledger: Ledger, warehouse: Warehouse): Promise<void> => {
  const { extent, share, holes, breath } = folding;
  const cameras = (await camerasOf(warehouse, form, extent)).filter((one) => isOfShare(share, one));
  for (const group of groupsOf(cameras)) {
    /** Alerts of one camera and start: those of one id are among them. */
    let revisions = new Set<string>();
    let among = "";
    for await (const { rows, texts } of rowsOf(warehouse, form, extent, group)) {
      for (const [i, row] of rows.entries()) {
        const position = row.position as Position;
        if (holes.has(position)) continue;
        const { tenant } = group;
        const camera = row.camera as string;
        const entry = addRow(ledger, { table: form.table, tenant, camera, day: form.dayOf(row), position }, texts[i] as string);
        if (form.table !== "alerts") continue;
        const now = `${camera} ${row.start as Instant}`;
        if (now !== among) revisions = new Set();
        among = now;
        const name = `${row.id as string} ${row.revision as number}`;
        if (revisions.has(name)) entry.suspect = true;
        revisions.add(name);
      }
      await breath.page();
    }
  }
};
