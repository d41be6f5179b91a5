/** How many live films by copy one core carries, ours and bare ffmpeg's in turns. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Camera } from "../../test/servers/rtsp-camera.ts";
import { median } from "../../test/support/figures.ts";
import { processorOf, sender } from "../support/processes.ts";
import { load, round, table } from "../support/report.ts";
import { bareLive } from "./bare.ts";
import type { Filmed, Filming } from "./films.ts";

const startFilms = sender<Filming, Filmed>("../media/films.ts");
const SETTLE_MS = 3000;

type How = { readonly sessions: number; readonly seconds: number; readonly turns: number };

const bare = async (url: string, folder: string, { sessions, seconds }: How): Promise<number> => {
  const all = await Promise.all(Array.from({ length: sessions }, (_, at) => bareLive(url, join(folder, String(at)))));
  await sleep(SETTLE_MS);
  const sum = (): number => all.reduce((total, { pid }) => total + processorOf(pid), 0);
  const before = sum();
  await sleep(seconds * 1000);
  const used = sum() - before;
  for (const one of all) await one.stop();
  return used;
};

export const copying = async (camera: Camera, folder: string, how: How): Promise<void> => {
  const { sessions, seconds, turns } = how;
  /** Thousandths of a core that one session takes. */
  const share = (used: number): number => (1000 * used) / seconds / sessions;
  const ours: Filmed[] = [];
  const theirs: number[] = [];
  const cameras: number[] = [];
  const films = startFilms();
  for (let turn = 0; turn < turns; turn++) {
    theirs.push(share(await bare(camera.url, join(folder, String(turn)), how)));
    const before = processorOf(camera.pid);
    const begun = performance.now();
    ours.push(await films.run({ url: camera.url, sessions, settleMs: SETTLE_MS, seconds }));
    cameras.push(((processorOf(camera.pid) - before) * 1000) / (performance.now() - begun));
  }
  films.close();

  // One turn, so that its parts are those of its sum: the middle one of all.
  const middle = [...ours].sort((one, other) => one.ffmpeg + one.own - other.ffmpeg - other.own)[ours.length >> 1] as Filmed;
  const [ffmpeg, own] = [share(middle.ffmpeg), share(middle.own)];
  const all = ffmpeg + own;
  const alone = median(theirs);
  const given = ours.map(({ played }) => played.seconds / sessions / (seconds + SETTLE_MS / 1000));
  const kbits = median(ours.map(({ played }) => (8 * played.bytes) / played.seconds / 1000));
  const missed = ours.reduce((sum, { played }) => sum + played.missed, 0);
  table(`Live by copy, ${sessions} cameras at once for ${seconds} s, the middle one of ${turns} turns; thousandths of a core a session`, [
    { what: "ours", ffmpeg: round(ffmpeg, 2), "our process": round(own, 2), together: round(all, 2), "a core carries": round(1000 / all) },
    { what: "bare ffmpeg", ffmpeg: round(alone, 2), together: round(alone, 2), "a core carries": round(1000 / alone) },
  ]);
  console.log(
    `ours takes ${round(all / alone, 2)} times as much (its ffmpeg alone ${round(ffmpeg / alone, 2)}); ${round(kbits)} kbit/s a film, each read by a player that got ${round(median(given), 2)} s of film a second and missed ${missed} pieces; the camera took ${round(median(cameras), 3)} of a core; load ${load()}`,
  );
  console.log(
    JSON.stringify({
      ...{ bench: "media", part: "copy", sessions, seconds, turns, ffmpeg, own, all, bare: alone },
      ...{ sessionsPerCore: 1000 / all, barePerCore: 1000 / alone, kbits, missed, load: load() },
    }),
  );
};
