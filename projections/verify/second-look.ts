/** A camera's day in one table once more, row by row, from what log and table hold now. */
import type { Position, Row, Warehouse } from "../../domain/ports.ts";
import { type Folding, placedRow } from "./fold.ts";
import type { Form } from "./form.ts";
import type { Entry } from "./ledger.ts";
import { readPast } from "./log-events.ts";
import { compareDay, type Differences, type Placed } from "./narrow.ts";
import { rowsOfDay } from "./table-rows.ts";

const TIMES = 3;

async function* ofLog(
  folding: Folding,
  form: Form,
  { tenant, camera, day, least, greatest }: Entry,
  from: Position,
): AsyncGenerator<Placed, undefined> {
  const { range, holes, breath, clock, stop, extent } = folding;
  const reading = { log: range.log, partition: range.partition, clock, stop, holes };
  for await (const { events, positions } of readPast(reading, Math.max(from, least), Math.min(extent.to, greatest + 1))) {
    for (const [i, event] of events.entries()) {
      await breath.take(1);
      if (event.tenant !== tenant || event.camera !== camera) continue;
      const position = positions[i] as Position;
      const row = placedRow(form, extent, event, position);
      if (row === undefined || form.dayOf(row) !== day) continue;
      const text = form.textOf(row);
      await breath.take(text.length);
      yield { position, row, text };
    }
  }
  await breath.end();
}

async function* ofTable(
  folding: Folding,
  warehouse: Warehouse,
  form: Form,
  entry: Entry,
  from: Position,
): AsyncGenerator<Placed, undefined> {
  for await (const { rows, texts } of rowsOfDay(warehouse, form, { ...folding.extent, from }, entry)) {
    for (const [i, row] of rows.entries()) yield { position: row.position as Position, row: row as Row, text: texts[i] as string };
    await folding.breath.page();
  }
}

/** Where facts were dropped meanwhile, once more. */
export const secondLook = async (folding: Folding, warehouse: Warehouse, form: Form, entry: Entry): Promise<Differences> => {
  const { log, partition } = folding.range;
  for (let time = 1; ; time++) {
    const from = Math.max(folding.extent.from, (await log.bounds(partition)).start);
    const logged = ofLog(folding, form, entry, from);
    const rows = ofTable(folding, warehouse, form, entry, from);
    const found = await compareDay(form, logged, rows, (position) => folding.holes.has(position));
    if ((await log.bounds(partition)).start <= from || time === TIMES) return found;
  }
};
