/**
 * Kills processes that run ffmpeg with -9, again and again: is any ffmpeg left alive? Half of them are bound by setpriv, half by a watcher.
 *
 *   npm run media:kills                     1,000 kills
 *   npm run media:kills -- --kills 100      fewer
 */
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { programAt, usualPath } from "../../adapters/ffmpeg/programs.ts";
import { type Kill, killParent } from "./parent-kills.ts";

const { values } = parseArgs({ options: { kills: { type: "string", default: "1000" } } });
const kills = Number(values.kills);
const folder = await mkdtemp(join(tmpdir(), "tallywire-kills-"));
const without = await mkdtemp(join(tmpdir(), "tallywire-path-"));
for (const name of ["ffmpeg", "ffprobe"]) {
  const path = await programAt(name, process.env.PATH ?? usualPath);
  if (path === undefined) throw new Error(`There is no ${name} here`);
  await symlink(path, join(without, name));
}

const seen: Kill[] = [];
let next = 0;
const killSome = async (): Promise<void> => {
  for (let at = next++; at < kills; at = next++) {
    const searchPath = at % 2 === 0 ? usualPath : without;
    seen.push(await killParent({ folder, searchPath, runs: 2, afterMs: (at * 7) % 120 }));
    if (seen.length % 100 === 0) console.log(`${seen.length} kills`);
  }
};
const begunAt = performance.now();
await Promise.all([killSome(), killSome()]);
await rm(folder, { recursive: true });
await rm(without, { recursive: true });

const total = (of: (kill: Kill) => number): number => seen.reduce((sum, kill) => sum + of(kill), 0);
const slowest = Math.max(...seen.map(({ goneMs }) => goneMs));
const survivors = seen.flatMap((kill) => kill.survivors);
console.log(
  `${seen.length} kills in ${Math.round((performance.now() - begunAt) / 1000)} s, ${total((kill) => kill.before)} processes were there before`,
);
console.log(`the last was gone ${Math.round(slowest)} ms after its parent at most; ${survivors.length} left alive`);
for (const survivor of survivors) console.log(survivor);
if (survivors.length > 0 || total((kill) => kill.before) === 0) process.exitCode = 1;
