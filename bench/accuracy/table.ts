/** The tables of docs/accuracy.md, and their place in it. */
import type { DoorFigures } from "./doors.ts";
import type { JunctionFigures } from "./junction.ts";
import type { StayFigures } from "./stays.ts";

type Setting = { readonly minFrames: number; readonly bufferPx: number };
type Tables = { readonly [name in "junction" | "doors" | "rates" | "stays"]: string };

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly string[]): string => [row(head), row(head.map(() => "---:")), ...rows].join("\n");

export const junctionRow = ({ minFrames, bufferPx }: Setting, { raw, distinct, distinctObjects, net }: JunctionFigures): string =>
  row([minFrames, bufferPx, raw.entries, raw.exits, distinct.entries, distinct.exits, distinctObjects, net.entries, net.exits]);
export const junctionTable = (rows: readonly string[]): string =>
  table(["minFrames", "bufferPx", "raw up", "raw down", "distinct up", "distinct down", "objects", "net up", "net down"], rows);

export const doorRow = ({ minFrames, bufferPx }: Setting, figures: readonly DoorFigures[]): string =>
  row([
    minFrames,
    bufferPx,
    ...figures.map(({ found, labels }) => `${found} (${((100 * found) / labels).toFixed(1)} %)`),
    figures.reduce((sum, { wrong }) => sum + wrong, 0),
  ]);
export const doorTable = (rows: readonly string[]): string => table(["minFrames", "bufferPx", "A", "B", "C", "wrong way"], rows);

export const rateRow = (
  framesPerSecond: number,
  minFrames: number,
  { raw, distinctObjects, net }: JunctionFigures,
  doors: readonly DoorFigures[],
): string =>
  row([
    framesPerSecond,
    minFrames,
    `${raw.entries} + ${raw.exits}`,
    distinctObjects,
    `${net.entries} + ${net.exits}`,
    ...doors.map(({ found, labels }) => `${((100 * found) / labels).toFixed(1)} %`),
    doors.reduce((sum, { wrong }) => sum + wrong, 0),
  ]);
export const rateTable = (rows: readonly string[]): string =>
  table(["frames/s", "minFrames", "raw", "objects", "net", "A", "B", "C", "wrong way"], rows);

export const stayRow = (minFrames: number, { fov, roi }: StayFigures): string =>
  row([minFrames, fov.stays, fov.objects, roi.stays, roi.objects]);
export const stayTable = (rows: readonly string[]): string =>
  table(["minFrames", "fov stays", "fov objects", "region stays", "region objects"], rows);

/** The document with the tables between their marks. Throws where a mark is missing. */
export const putTables = (document: string, tables: Tables): string =>
  Object.entries(tables).reduce((text, [name, rows]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(open), text.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`docs/accuracy.md lacks the marks ${open} and ${close}`);
    return `${text.slice(0, from + open.length)}\n\n${rows}\n\n${text.slice(to)}`;
  }, document);
