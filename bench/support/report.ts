/** Tables of figures, each with how busy the machine was. */
import { loadavg } from "node:os";

export const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

/** The last minute's load: other work on the machine shows here. */
export const load = (): number => round(loadavg()[0] as number, 2);

export const table = (title: string, rows: readonly Readonly<Record<string, unknown>>[]): void => {
  console.log(`\n${title}`);
  console.table(rows);
};

/** The same as it stands in a document. Columns are those of any row, in the order in which they first come. */
export const markdown = (title: string, rows: readonly Readonly<Record<string, unknown>>[]): void => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly unknown[]): string => `| ${cells.map((cell) => String(cell ?? "")).join(" | ")} |`;
  console.log(
    [`\n${title}\n`, line(columns), line(columns.map(() => "---")), ...rows.map((row) => line(columns.map((name) => row[name])))].join(
      "\n",
    ),
  );
};
