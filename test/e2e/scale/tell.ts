/** How the commands tell what came of a run. Ends the process. */
import type { Verdict } from "./verdict.ts";

export const stopwatch = (): ((line: string) => void) => {
  const began = performance.now();
  return (line) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`);
};

export const tell = ({ faults, figures }: Verdict): never => {
  console.log("");
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(width)}  ${figure}`);
  for (const fault of faults.slice(0, 50)) console.log(`FAULT  ${fault.slice(0, 1000)}`);
  console.log(faults.length === 0 ? "\nnothing lost, nothing twice" : `\n${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
};
