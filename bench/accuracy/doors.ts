/**
 * Three doors of camera school.G423 (MEVA, 2018-03-11), against the labels people made.
 *
 * How a label is matched. Every label "enters" or "exits the scene through a structure" names one object and one time.
 * 1. Its door is the one whose wire is nearest to where the object came from (its first box within the label) or went to (its last).
 * 2. It is found when the product tells a crossing of that door's wire by that object, in the label's direction, at any time while
 *    the object was annotated: ids are not used again, and the annotation begins and ends with the activity.
 * 3. It is wrong when the object crossed that wire in the other direction only. Neither is missed.
 * Boxes are not exhaustive, so crossings without a label say nothing and are not counted.
 */
import { readFile } from "node:fs/promises";
import type { Point, Tripwire } from "../../domain/camera.ts";
import { tripwireDefaults } from "../../domain/defaults.ts";
import type { Frame } from "../../domain/event.ts";
import { crossingsIn } from "./recording.ts";

const at = (x: number, y: number): Point => ({ x, y });

/** Entering is entering the scene: out of the door, towards the camera. The picture is 1920 by 1072 pixels. */
const wire = (id: string, from: Point, to: Point, arrow: 1 | -1): Tripwire => {
  const y = (from.y + to.y) / 2;
  return {
    ...tripwireDefaults,
    id,
    name: `door ${id}`,
    wire: [from, to],
    direction: { p1: at(from.x - 20 * arrow, y), p2: at(from.x + 20 * arrow, y), entryName: "enters", exitName: "exits" },
  };
};

export const doors: readonly Tripwire[] = [
  wire("A", at(905, 330), at(905, 520), 1),
  wire("B", at(1030, 0), at(1030, 1080), -1),
  wire("C", at(870, 540), at(870, 760), 1),
];

type Label = { readonly object: string; readonly direction: "entry" | "exit"; readonly door: string };
type Activity = { readonly activity: string; readonly start: string; readonly end: string; readonly objects: readonly string[] };

const directions: Readonly<Record<string, Label["direction"]>> = {
  person_enters_scene_through_structure: "entry",
  person_exits_scene_through_structure: "exit",
};

const distance = (door: Tripwire, { x, y }: Point): number => {
  const [from, to] = door.wire as [Point, Point];
  const dy = Math.max(from.y - y, 0, y - to.y);
  return Math.sqrt((x - from.x) ** 2 + dy ** 2);
};

const nearestDoor = (point: Point): string =>
  doors.reduce((nearest, door) => (distance(door, point) < distance(nearest, point) ? door : nearest)).id;

export const labelsOf = async (file: string, frames: readonly Frame[]): Promise<readonly Label[]> => {
  type Place = { readonly at: number; readonly point: Point };
  const ways = new Map<string, Place[]>();
  for (const { timestamp, objects } of frames)
    for (const { id, bbox } of objects) {
      const way = ways.get(id) ?? [];
      way.push({ at: timestamp, point: at((bbox.leftX + bbox.rightX) / 2, bbox.bottomY) });
      ways.set(id, way);
    }
  const text = await readFile(file, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Activity)
    .flatMap(({ activity, start, end, objects: [object] }) => {
      const direction = directions[activity];
      if (direction === undefined || object === undefined) return [];
      const way = (ways.get(object) ?? []).filter((place) => place.at >= Date.parse(start) && place.at <= Date.parse(end));
      const place = direction === "entry" ? way[0] : way.at(-1);
      if (place === undefined) throw new Error(`the label of ${object} at ${start} has no box`);
      return [{ object, direction, door: nearestDoor(place.point) }];
    });
};

export type DoorFigures = { readonly door: string; readonly labels: number; readonly found: number; readonly wrong: number };

export const doorFigures = (
  frames: readonly Frame[],
  labels: readonly Label[],
  confirmation: Pick<Tripwire, "minFrames" | "bufferPx">,
): readonly DoorFigures[] =>
  doors.map((door) => {
    const crossed = new Set(crossingsIn(frames, { ...door, ...confirmation }).map(({ object, direction }) => `${direction} ${object.id}`));
    const mine = labels.filter((label) => label.door === door.id);
    const found = mine.filter(({ object, direction }) => crossed.has(`${direction} ${object}`));
    const wrong = mine.filter(
      ({ object, direction }) =>
        !crossed.has(`${direction} ${object}`) && crossed.has(`${direction === "entry" ? "exit" : "entry"} ${object}`),
    );
    return { door: door.id, labels: mine.length, found: found.length, wrong: wrong.length };
  });
