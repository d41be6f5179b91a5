/** Cars over one line of a traffic junction (OpenDataCam): the three numbers that are read from crossings. */
import type { Tripwire } from "../../domain/camera.ts";
import { tripwireDefaults } from "../../domain/defaults.ts";
import type { Crossing, Frame } from "../../domain/event.ts";
import { crossingsIn } from "./recording.ts";

export const line: Tripwire = {
  ...tripwireDefaults,
  id: "junction",
  name: "Junction",
  wire: [
    { x: 0, y: 360 },
    { x: 1280, y: 360 },
  ],
  direction: { p1: { x: 640, y: 400 }, p2: { x: 640, y: 320 }, entryName: "up", exitName: "down" },
  anchor: "center",
};

type Both = { readonly entries: number; readonly exits: number };
export type JunctionFigures = { readonly raw: Both; readonly distinct: Both; readonly distinctObjects: number; readonly net: Both };

const both = (of: (direction: "entry" | "exit") => number): Both => ({ entries: of("entry"), exits: of("exit") });

export const junctionFigures = (frames: readonly Frame[], confirmation: Pick<Tripwire, "minFrames" | "bufferPx">): JunctionFigures => {
  const crossings = crossingsIn(frames, { ...line, ...confirmation });
  const objects = Map.groupBy(crossings, ({ object }) => `${object.type} ${object.id}`);
  const times = (all: readonly Crossing[], direction: "entry" | "exit"): number =>
    all.filter((crossing) => crossing.direction === direction).length;
  const signs = [...objects.values()].map((all) => Math.sign(times(all, "entry") - times(all, "exit")));
  return {
    raw: both((direction) => times(crossings, direction)),
    distinct: both((direction) => [...objects.values()].filter((all) => times(all, direction) > 0).length),
    distinctObjects: objects.size,
    net: { entries: signs.filter((sign) => sign > 0).length, exits: signs.filter((sign) => sign < 0).length },
  };
};
