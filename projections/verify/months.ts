/** Months of which a table has nothing at all: told as one, and not as each camera's day. */
import type { Instant } from "../../domain/envelope.ts";
import { keyText } from "../../domain/envelope.ts";
import type { Finding } from "../../domain/finding.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { dayText, type Form } from "./form.ts";
import type { Entry } from "./ledger.ts";

export type Months = ReturnType<typeof createMonths>;

const MONTH = /^\d{4}-\d\d/;

const boundsOf = (month: string): { readonly since: Instant; readonly until: Instant } => {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return { since: Date.UTC(year, number - 1), until: Date.UTC(year, number) };
};

export const createMonths = (warehouse: Warehouse) => {
  const empty = new Map<
    string,
    { readonly table: string; readonly month: string; events: number; readonly cameras: Set<string> } | undefined
  >();
  return {
    /** A day of which a table has nothing: whether that is said of its whole month. */
    note: async ({ table, instant }: Form, { tenant, camera, day, log }: Entry): Promise<boolean> => {
      const [month] = MONTH.exec(dayText(day)) ?? [];
      if (month === undefined) return false;
      const name = `${table} ${month}`;
      if (!empty.has(name)) {
        const has = await warehouse.select(
          `SELECT 1 FROM ${table} WHERE ${instant} >= {since:Int64} AND ${instant} < {until:Int64} LIMIT 1`,
          boundsOf(month),
        );
        empty.set(name, has.length > 0 ? undefined : { table, month, events: 0, cameras: new Set() });
      }
      const found = empty.get(name);
      if (found === undefined) return false;
      found.events += log.count;
      found.cameras.add(keyText(tenant, camera));
      return true;
    },
    found: (): readonly Finding[] =>
      [...empty.values()].flatMap((one) =>
        one === undefined
          ? []
          : [{ what: "partition-missing" as const, table: one.table, month: one.month, expected: one.events, cameras: one.cameras.size }],
      ),
  };
};
