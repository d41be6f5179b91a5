/** The junction again: how many stays there are in the picture, and in the half of it below the line, by how soon they are believed. */
import type { Roi } from "../../domain/camera.ts";
import { roiDefaults, sensorDefaults } from "../../domain/defaults.ts";
import type { Frame } from "../../domain/event.ts";
import { run } from "../../domain/machine.ts";
import { observing } from "../../domain/rules/place.ts";
import { type PresenceMachine, presence, presenceInView } from "../../domain/rules/presence.ts";

const lowerHalf: Roi = {
  ...roiDefaults,
  id: "lower-half",
  name: "Lower half",
  coordinates: [
    { x: 0, y: 360 },
    { x: 1280, y: 360 },
    { x: 1280, y: 720 },
    { x: 0, y: 720 },
  ],
  anchor: "center",
};

type Entered = { readonly stays: number; readonly objects: number };
export type StayFigures = { readonly fov: Entered; readonly roi: Entered };

export const stayFigures = (frames: readonly Frame[], minFrames: number): StayFigures => {
  const { tenant, camera } = frames[0] as Frame;
  const key = { tenant, camera };
  const entered = (machine: PresenceMachine): Entered => {
    const found = run(observing(machine, key, 0), frames).filter((heard) => heard.kind === "presence" && heard.change === "entered");
    return { stays: found.length, objects: new Set(found.map((heard) => heard.kind === "presence" && heard.object.id)).size };
  };
  return {
    fov: entered(presenceInView({ ...sensorDefaults.fov, minFrames }, key)),
    roi: entered(presence({ ...lowerHalf, minFrames }, key)),
  };
};
