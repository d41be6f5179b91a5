/**
 * Proves that the logs and the warehouse agree, or tells where they do not. Each partition of each log is read once and each of its tables
 * once; counts and hashes of every camera and day are compared, and where they differ, log and table are looked at again row by row.
 *
 * It only reads. What is being brought in meanwhile lies beyond the positions that were reached at the beginning and is not looked at; what
 * is moved meanwhile (a table that is filled again, facts that are dropped) is looked at a second time and agrees then.
 */
import { hashOf, type Sum } from "../../domain/digest.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { Finding, LogName, Told } from "../../domain/finding.ts";
import type { Limits } from "../../domain/limits.ts";
import { type Patience, patiently } from "../../domain/patience.ts";
import type { Logs, Position, Warehouse } from "../../domain/ports.ts";
import { rested } from "../../domain/stop.ts";
import type { Mark } from "../marks.ts";
import type { Projection } from "../projection.ts";
import { columnsOf } from "../rebuild.ts";
import { type Folding, foldLog, foldTable, halves, isOfShare, type Share } from "./fold.ts";
import { dayText, type Form, formOf } from "./form.ts";
import { differs, type Entry, type Ledger } from "./ledger.ts";
import { Holes } from "./log-events.ts";
import { createMonths, type Months } from "./months.ts";
import { secondLook } from "./second-look.ts";
import { lookAround, lookAtOthers, lookAtPartition, lookAtTables, type Range, recordsTo } from "./structure.ts";
import { compareHours, hourGroups } from "./summary.ts";

export type Verifying = Patience & {
  readonly logs: Pick<Logs, "facts" | "derived" | "progress">;
  readonly warehouse: Warehouse;
  readonly projections: readonly Projection[];
  /** Up to where everything was brought in, as far as this process knows. */
  readonly reached: (log: LogName, partition: number, mark: Mark) => Position;
  /** Of this tenant only; of the days [from, to) of event time only. */
  readonly only: { readonly tenant: string | undefined; readonly from: Instant | undefined; readonly to: Instant | undefined };
  readonly limits: Pick<Limits, "verifyDays" | "verifyNarrowed">;
  /** Awaited after each slice of a few milliseconds. */
  readonly pause: () => Promise<void>;
  /** Records of both logs, each counted twice: as it is read, and as its rows are. */
  readonly progress: (done: number, of: number) => void;
  readonly tell: (finding: Finding) => void;
  readonly tellDay: (day: DayTold) => Promise<void> | undefined;
};

export type DayTold = {
  readonly tenant: string;
  readonly camera: string;
  readonly day: string;
  readonly table: string;
  readonly log: Told;
  readonly rows: Told;
  readonly agrees: boolean;
};

/** `before`: rows of a table that are older than the log reaches, so that nothing can be said of them. `waiting`: records not brought in yet. */
export type Proof = {
  readonly tables: readonly { readonly table: string; days: number; events: number; rows: number; before: number }[];
  readonly waiting: Readonly<Record<LogName, number>>;
};

/** Characters of rows that are looked at between two pauses: a few milliseconds. */
const SLICE = 128 * 1024;
const TIMES = 3;

export type Breath = ReturnType<typeof createBreath>;

const createBreath = ({ pause, stop, progress }: Verifying, of: number) => {
  let spent = 0;
  let done = 0;
  const page = async (): Promise<void> => {
    spent = 0;
    await rested(pause, stop);
  };
  return {
    page,
    end: page,
    /** Nothing is waited for until there is enough. */
    take: (n: number): Promise<void> | undefined => {
      spent += n + 16;
      return spent < SLICE ? undefined : page();
    },
    reached: ({ from }: { readonly from: Position }, position: Position): void =>
      progress(Math.min(of, done + recordsTo(from, position)), of),
    add: (records: number): void => {
      done += records;
      progress(Math.min(of, done), of);
    },
  };
};

export const toldOf = (sum: Sum): Told => ({ count: sum.count, hash: hashOf(sum) });

const LOGS: readonly LogName[] = ["facts", "derived"];

/** Throws AdapterError: what the log or the warehouse throws and trying again does not heal, and `closed` when stopped. */
export const verify = async (given: Verifying): Promise<Proof> => {
  const { logs, projections, limits, only } = given;
  const warehouse: Warehouse = {
    ...given.warehouse,
    select: (sql, params) => patiently(given, { doing: "verify" }, () => given.warehouse.select(sql, params)),
    damaged: () => patiently(given, { doing: "verify" }, () => given.warehouse.damaged()),
  };
  const verifying: Verifying = { ...given, warehouse };
  const tell = given.tell;
  const tables = await lookAtTables({ warehouse, projections }, tell);
  const forms = new Map<string, Form>();
  for (const projection of tables ?? [])
    if (projection.kind === "rows") forms.set(projection.name, formOf(projection, await columnsOf(warehouse, projection.name)));
  const ranges: Range[] = [];
  if (tables !== undefined)
    for (const kind of LOGS)
      for (let partition = 0; partition < logs[kind].partitions; partition++)
        ranges.push(await lookAtPartition(verifying, kind, partition, tell));
  const of = ranges.reduce((sum, { from, to }) => sum + 2 * recordsTo(from, to), 0);
  const proof: Proof = {
    tables: [...forms.keys()].map((table) => ({ table, days: 0, events: 0, rows: 0, before: 0 })),
    waiting: {
      facts: ranges.reduce((sum, { kind, waiting }) => sum + (kind === "facts" ? waiting : 0), 0),
      derived: ranges.reduce((sum, { kind, waiting }) => sum + (kind === "derived" ? waiting : 0), 0),
    },
  };
  const months = createMonths(warehouse);
  const room = { left: limits.verifyNarrowed };
  const breath = createBreath(verifying, of);
  const hasPositions = (tables ?? []).some(({ name }) => name === "positions");
  for (const kind of LOGS) {
    const own = [...forms.values()].filter(({ table }) => projections.some((p) => p.name === table && p.log === kind));
    let arrival: Instant = Number.MAX_SAFE_INTEGER;
    for (const range of ranges) {
      if (range.kind !== kind) continue;
      const holes = new Holes();
      const shares: Share[] = [{ of: 1, at: 0 }];
      for (let share = shares.shift(); share !== undefined; share = shares.shift()) {
        const extent = {
          epoch: range.log.epoch,
          partition: range.partition,
          to: range.to,
          tenant: only.tenant,
          since: only.from,
          until: only.to,
        };
        const folding = { ...verifying, range, forms: own, extent: { ...extent, from: range.from }, share, holes, breath };
        const folded = await foldBoth(folding, warehouse);
        if (folded === undefined) {
          shares.push(...halves(share));
          continue;
        }
        arrival = Math.min(arrival, folded.arrival);
        const look = { ...folding, extent: folded.extent };
        if (kind === "facts" && hasPositions) await lookAtHours(look, warehouse, folded.ledger);
        await judge(look, warehouse, folded.ledger, { months, room, proof });
      }
      for (const { from, to, lost, reason } of holes.all) {
        const { partition } = range;
        tell(
          lost
            ? { what: "records-lost", log: kind, partition, from, to }
            : { what: "records-unreadable", log: kind, partition, from, to, reason },
        );
      }
      for (const counted of proof.tables)
        if (own.some(({ table }) => table === counted.table)) counted.before += await lookAround(warehouse, range, counted.table, tell);
      breath.add(2 * recordsTo(range.from, range.to));
    }
    if (ranges.length === 0) continue;
    const { epoch, partitions } = logs[kind];
    for (const counted of proof.tables)
      if (own.some(({ table }) => table === counted.table))
        counted.before += await lookAtOthers(warehouse, kind, { table: counted.table, epoch, partitions, arrival }, tell);
  }
  for (const finding of months.found()) tell(finding);
  return proof;
};

type Both = { readonly ledger: Ledger; readonly arrival: Instant; readonly extent: Folding["extent"] };

/** Both sides from where the log begins: where facts were dropped meanwhile, once more. */
const foldBoth = async (folding: Folding, warehouse: Warehouse): Promise<Both | undefined> => {
  const { range, forms } = folding;
  const { log, partition } = range;
  for (let time = 1; ; time++) {
    const { start } = await log.bounds(partition);
    const extent = { ...folding.extent, from: start };
    const again = { ...folding, extent };
    const folded = await foldLog(again);
    if (folded === undefined) return undefined;
    for (const form of forms) await foldTable(again, form, folded.ledger, warehouse);
    if ((await log.bounds(partition)).start === start || time === TIMES) return { ...folded, extent };
  }
};

const lookAtHours = async ({ extent, share, holes, breath, tell }: Folding, warehouse: Warehouse, ledger: Ledger): Promise<void> => {
  for (const group of await hourGroups(warehouse, extent, ledger, (camera) => isOfShare(share, camera))) {
    for (const finding of await compareHours(warehouse, extent, group, ledger, holes)) tell(finding);
    await breath.page();
  }
};

type Court = { readonly months: Months; readonly room: { left: number }; readonly proof: Proof };

/** Tells of every day, and of those that differ what differs. */
const judge = async (folding: Folding, warehouse: Warehouse, ledger: Ledger, { months, room, proof }: Court): Promise<void> => {
  const { range, forms, tell, tellDay } = folding;
  const doubled = new Map<string, Extract<Finding, { what: "rows-doubled" }>[]>();
  const lookAt = async (form: Form, entry: Entry): Promise<boolean> => {
    const { tenant, camera, table, log, rows } = entry;
    const day = dayText(entry.day);
    const common = { log: range.kind, partition: range.partition, tenant, camera, table, day, expected: toldOf(log), found: toldOf(rows) };
    if (rows.count === 0 && (await months.note(form, entry))) return false;
    if (room.left === 0) {
      tell({ what: "day-differs", ...common });
      return false;
    }
    room.left -= 1;
    const { missing, extra, altered, doubled: twice, alerts } = await secondLook(folding, warehouse, form, entry);
    if (missing) tell({ what: "rows-missing", ...common, ...missing });
    if (extra) tell({ what: "rows-extra", ...common, ...extra });
    if (altered) tell({ what: "rows-altered", ...common, ...altered });
    if (alerts) tell({ what: "alert-doubled", ...common, ...alerts });
    if (twice) doubled.set(table, [...(doubled.get(table) ?? []), { what: "rows-doubled", ...common, ...twice }]);
    return !(missing || extra || altered || twice || alerts);
  };
  for (const form of forms) {
    const counted = proof.tables.find(({ table }) => table === form.table);
    for (const entry of ledger.entries(form.table)) {
      const agrees = !differs(entry) || (await lookAt(form, entry));
      const { tenant, camera, table, log, rows } = entry;
      await tellDay({ tenant, camera, day: dayText(entry.day), table, log: toldOf(log), rows: toldOf(rows), agrees });
      if (counted === undefined) continue;
      counted.days += 1;
      counted.events += log.count;
      counted.rows += rows.count;
    }
  }
  // A projector that was replaced without knowing may have written rows twice: its successor knows how many, and reads drop them.
  for (const [table, findings] of doubled)
    if (findings.reduce((sum, { n }) => sum + n, 0) > (range.repeats[table] ?? 0)) for (const finding of findings) tell(finding);
};
