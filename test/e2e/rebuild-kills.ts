/**
 * Rebuilds tables under load and kills the server in the middle:
 *
 *   npm run rebuild:kills                     100 kills
 *   npm run rebuild:kills -- --kills 10       fewer
 *   npm run rebuild:kills -- --seed 7         other frames, other points
 */
import { parseArgs } from "node:util";
import { rebuilding } from "./rebuilding.ts";

const { values } = parseArgs({ options: { kills: { type: "string", default: "100" }, seed: { type: "string", default: "1" } } });
/** So many that some of them came in the middle of a table. */
const MANY = 20;
const began = performance.now();
const {
  faults: found,
  killed,
  rebuilds,
  wentOn,
  counts,
  frames,
} = await rebuilding({
  kills: Number(values.kills),
  seed: Number(values.seed),
  before: 3000,
  say: (line) => console.log(line),
});
console.log(
  `\n${killed} kills in ${((performance.now() - began) / 1000).toFixed(0)} s, ${rebuilds} tables rebuilt, ${wentOn} times gone on with`,
);
console.log(`${frames} frames acknowledged, ${counts} counts asked meanwhile`);
const faults = [...found];
if (killed >= MANY && wentOn === 0) faults.push("nothing that was left half built was gone on with");
for (const fault of faults) console.log(`FAULT  ${fault}`);
console.log(faults.length === 0 ? "every count right, every table whole" : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
