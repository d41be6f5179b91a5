/**
 * How well the product counts, on two recordings of the real world: `npm run accuracy`. It goes through the product's own parsers
 * and machines, prints a table over minFrames and bufferPx, and fails when a figure that was promised is missed.
 * `--write` puts the table into docs/accuracy.md. Where the recordings are absent it says so; under CI that is a failure.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { doorFigures, labelsOf } from "./accuracy/doors.ts";
import { junctionFigures } from "./accuracy/junction.ts";
import { bufferPx, FRAMES_PER_SECOND, minFrames, recording, thinned } from "./accuracy/recording.ts";
import { stayFigures } from "./accuracy/stays.ts";
import { doorRow, doorTable, junctionRow, junctionTable, putTables, rateRow, rateTable, stayRow, stayTable } from "./accuracy/table.ts";

const DATA = new URL("../../shared/data/", import.meta.url).pathname;
const FILES = {
  junction: `${DATA}opendatacam/tracked_frames.ndjson`,
  boxes: `${DATA}meva/g423_2018-03-11.detections.ndjson.gz`,
  labels: `${DATA}meva/g423_2018-03-11.activities.ndjson`,
};
const DOCUMENT = new URL("../docs/accuracy.md", import.meta.url).pathname;

const absent = Object.values(FILES).filter((file) => !existsSync(file));
if (absent.length > 0) {
  console.log(`The recordings are not here, so nothing was measured:\n  ${absent.join("\n  ")}`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}

const failures: string[] = [];
const promise = (what: string, holds: boolean, found: string): void => {
  console.log(`${holds ? "kept  " : "BROKEN"} ${what}: ${found}`);
  if (!holds) failures.push(what);
};

const junction = await recording(FILES.junction, { format: "opendatacam", sensor: "junction", fps: 30, start: Date.UTC(2018, 0, 1) });
const doorFrames = await recording(FILES.boxes, { format: "meva" });
const labels = await labelsOf(FILES.labels, doorFrames);

const plain = { minFrames: 1, bufferPx: 0 };
const { raw, distinct, distinctObjects, net } = junctionFigures(junction, plain);
promise("junction, raw 39 entries and 37 exits", raw.entries === 39 && raw.exits === 37, `${raw.entries} and ${raw.exits}`);
promise("junction, distinct 26 and 26", distinct.entries === 26 && distinct.exits === 26, `${distinct.entries} and ${distinct.exits}`);
promise("junction, 41 objects either way", distinctObjects === 41, `${distinctObjects}`);
promise("junction, net 21 and 19", net.entries === 21 && net.exits === 19, `${net.entries} and ${net.exits}`);

const least: Readonly<Record<string, number>> = { A: 0.94, B: 0.94, C: 1 };
const plainDoors = doorFigures(doorFrames, labels, plain);
for (const { door, labels: of, found } of plainDoors)
  promise(`door ${door}, at least ${100 * (least[door] ?? 1)} % of the labels`, found >= of * (least[door] ?? 1), `${found} of ${of}`);
const wrong = plainDoors.reduce((sum, figures) => sum + figures.wrong, 0);
promise("doors, at most 2 in the wrong direction", wrong <= 2, `${wrong}`);

const settings = minFrames.flatMap((frames) => bufferPx.map((px) => ({ minFrames: frames, bufferPx: px })));
const tables = {
  junction: junctionTable(settings.map((one) => junctionRow(one, junctionFigures(junction, one)))),
  doors: doorTable(settings.map((one) => doorRow(one, doorFigures(doorFrames, labels, one)))),
  rates: rateTable(
    [1, 3, 6].flatMap((nth) => {
      const [cars, people] = [thinned(junction, nth), thinned(doorFrames, nth)];
      return minFrames.map((frames) => {
        const one = { minFrames: frames, bufferPx: 0 };
        return rateRow(FRAMES_PER_SECOND / nth, frames, junctionFigures(cars, one), doorFigures(people, labels, one));
      });
    }),
  ),
  stays: stayTable(minFrames.map((frames) => stayRow(frames, stayFigures(junction, frames)))),
};
for (const [name, rows] of Object.entries(tables)) console.log(`\n${name}\n\n${rows}`);

const document = existsSync(DOCUMENT) ? await readFile(DOCUMENT, "utf8") : "";
if (process.argv.includes("--write")) await writeFile(DOCUMENT, putTables(document, tables));
else promise("docs/accuracy.md shows these tables", putTables(document, tables) === document, "npm run accuracy -- --write renews them");

if (failures.length > 0) {
  console.error(`\n${failures.length} figures missed`);
  process.exit(1);
}
