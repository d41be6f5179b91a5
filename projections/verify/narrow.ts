/** The second look at a camera's day in one table: log and rows beside each other, position by position. Tells what differs, and where first. */
import type { Json } from "../../domain/envelope.ts";
import type { EventKey } from "../../domain/finding.ts";
import type { Position, Row } from "../../domain/ports.ts";
import type { Form } from "./form.ts";

export type Placed = { readonly position: Position; readonly row: Row; readonly text: string };

/** Rows of a sort, and the first. */
type Sort = { n: number; readonly first: EventKey };
export type Differences = {
  missing?: Sort;
  extra?: Sort;
  altered?: Sort & { readonly columns: readonly { readonly column: string; readonly expected: Json; readonly found: Json }[] };
  doubled?: Sort;
  alerts?: Sort & { readonly again: Position };
};

/** Both in the order of their positions; the log has each position once. `isOpen`: of a position of which nothing can be said. */
export const compareDay = async (
  form: Form,
  logged: AsyncIterator<Placed, undefined>,
  rows: AsyncIterator<Placed, undefined>,
  isOpen: (position: Position) => boolean,
): Promise<Differences> => {
  const found: Differences = {};
  const count = <S extends Sort>(sort: S | undefined, first: () => S): S => {
    if (sort === undefined) return first();
    sort.n += 1;
    return sort;
  };
  const one = (row: Row): Sort => ({ n: 1, first: form.keyOf(row) });
  const revisions = new Map<string, Row>();
  const alerted = ({ row, position }: Placed): void => {
    if (form.table !== "alerts") return;
    const name = `${row.id as string} ${row.revision as number}`;
    const before = revisions.get(name);
    if (before === undefined) revisions.set(name, row);
    else found.alerts = count(found.alerts, () => ({ ...one(before), again: position }));
  };
  let last: Placed | undefined;
  let inLog = (await logged.next()).value;
  let inTable = (await rows.next()).value;
  while (inLog !== undefined || inTable !== undefined) {
    if (inTable !== undefined && inTable.position === last?.position && inTable.text === last.text) {
      const { row } = inTable;
      found.doubled = count(found.doubled, () => one(row));
      inTable = (await rows.next()).value;
    } else if (inTable !== undefined && (inLog === undefined || inTable.position < inLog.position)) {
      const { row, position } = inTable;
      if (!isOpen(position)) found.extra = count(found.extra, () => one(row));
      last = inTable;
      inTable = (await rows.next()).value;
    } else if (inLog !== undefined) {
      const { row } = inLog;
      alerted(inLog);
      if (inTable === undefined || inLog.position < inTable.position) found.missing = count(found.missing, () => one(row));
      else {
        const { row: other, text } = inTable;
        if (text !== inLog.text) found.altered = count(found.altered, () => ({ ...one(row), columns: form.differing(row, other) }));
        last = inTable;
        inTable = (await rows.next()).value;
      }
      inLog = (await logged.next()).value;
    }
  }
  return found;
};
