/**
 * Runs the tests and looks for the canary password in all they show: `npm run canary [files of tests]`. Looked through is what is printed, by
 * the tests and by every process they start, what servers send, the command lines of all processes, and all files while they are there.
 * Exit 1 when it was seen, when a test failed, or when what was shown on purpose was not seen.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CANARY } from "../support/canary.ts";
import { formsOf } from "./forms.ts";
import { type Seen, watch } from "./watch.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const env = process.env;

const planted = [
  ...formsOf(CANARY).map(({ name }) => `/${name}:`),
  ...["encoded-0", "encoded-1", "encoded-2", "squeezed", "large", "hole", "late"].map((name) => `/${name}:`),
  "printed: clear",
  "printed by the process",
  "sent by the process",
  "the command line of",
];

/** What was shown on purpose and not seen. */
const missedOnPurpose = async (): Promise<readonly string[]> => {
  const command = [process.execPath, fileURLToPath(new URL("planting.ts", import.meta.url))];
  const { code, sights } = await watch({ command, folders: [], env, isPlanted: true });
  if (code !== 0) return [`planting it ended with ${code}`];
  return planted.filter((where) => !sights.some((sight) => sight.includes(where)));
};

const print = ({ sights, figures }: Seen): void => {
  for (const [what, figure] of Object.entries(figures)) console.log(`${String(figure).padStart(14)} ${what}`);
  for (const sight of sights) console.log(`SEEN: ${sight}`);
  if (sights.length === 0) console.log("the canary password was seen nowhere");
};

const missed = await missedOnPurpose();
for (const where of missed) console.error(`shown on purpose and not seen: ${where}`);
if (missed.length > 0) process.exit(1);
console.log(`shown on purpose in ${planted.length} ways, it was seen each time`);

const seen = await watch({
  command: [process.execPath, `${ROOT}node_modules/vitest/vitest.mjs`, "run", "--root", ROOT, ...process.argv.slice(2)],
  folders: ["data", ".types"].map((name) => ROOT + name).filter(existsSync),
  env: { ...env, TALLYWIRE_LOG_LEVEL: "debug", NO_COLOR: "1", FORCE_COLOR: undefined },
  isPlanted: false,
});
print(seen);
if (seen.code !== 0) console.error(`the tests ended with ${seen.code}: what was not run was not looked at`);
process.exit(seen.code === 0 && seen.sights.length === 0 ? 0 : 1);
