/** given(...).when(...).then(...), for whatever remembers; and the facts it is told, made short. */
import { expect } from "vitest";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Box, CameraState, DetectedObject, Frame, Heartbeat, Info } from "../../domain/event.ts";
import { type Machine, run, type States } from "../../domain/machine.ts";

/** How long a frame is under way in these tests. */
export const UNDER_WAY_MS = 50;

/** An object whose bottom-center is at (x, y), 20 px wide and 40 px high. */
export const seen = (id: string, x: number, y: number, more: { readonly type?: string; readonly info?: Info } = {}): DetectedObject =>
  boxed(id, { leftX: x - 10, topY: y - 40, rightX: x + 10, bottomY: y }, more);

export const boxed = (id: string, bbox: Box, more: { readonly type?: string; readonly info?: Info } = {}): DetectedObject => ({
  id,
  type: more.type ?? "Person",
  bbox,
  confidence: 0.9,
  info: more.info,
});

export type At = readonly [timestamp: Instant, objects: readonly DetectedObject[]];

export const frame = (
  { tenant, camera }: CameraKey,
  timestamp: Instant,
  objects: readonly DetectedObject[],
  more: Partial<Frame> = {},
): Frame => ({
  kind: "frame",
  tenant,
  camera,
  receivedAt: timestamp + UNDER_WAY_MS,
  timestamp,
  id: `f${timestamp}`,
  modelVersion: undefined,
  objects,
  ...more,
});

/** Frames in order; each arrives a little after its instant. */
export const frames = (key: CameraKey, ...all: readonly At[]): readonly Frame[] => all.map(([at, objects]) => frame(key, at, objects));

/** Time has passed since the frame at `after`. */
export const heartbeat = ({ tenant, camera }: CameraKey, at: Instant, after: Instant, release = false): Heartbeat => ({
  kind: "heartbeat",
  tenant,
  camera,
  receivedAt: at + 2000,
  at,
  frame: { timestamp: after, id: `f${after}` },
  release,
});

export const cameraState = ({ tenant, camera }: CameraKey, at: Instant, state: CameraState["state"]): CameraState => ({
  kind: "camera-state",
  tenant,
  camera,
  receivedAt: at + UNDER_WAY_MS,
  at,
  state,
  change: undefined,
  reason: undefined,
});

/** What a machine concludes from inputs, read through `brief` so that a row of a table stays a row. */
export const given = <In, S, Out>(machine: Machine<In, S, Out>, states: States<S> = new Map()) => ({
  when: (inputs: readonly In[]) => ({
    // biome-ignore lint/suspicious/noThenProperty: given, when, then; nobody awaits it
    then: <Brief>(brief: (out: Out) => Brief | undefined, expected: readonly Brief[]): void => {
      const told = run(machine, inputs, states)
        .map(brief)
        .filter((one) => one !== undefined);
      expect(told).toEqual(expected);
    },
  }),
});

/** The same inputs, with every state saved as text and loaded between any two: what comes out must not differ. */
export const runSaving = <In, S, Out>(machine: Machine<In, S, Out>, inputs: readonly In[]): readonly Out[] => {
  let states: States<S> = new Map();
  return inputs.flatMap((input) => {
    const out = run(machine, [input], states);
    const text = JSON.stringify(Array.from(states, ([key, state]) => [key, machine.save(state)]));
    states = new Map(
      (JSON.parse(text) as [string, never][]).map(([key, saved]) => {
        const loaded = machine.load(saved, machine.version);
        if (loaded === undefined) throw new Error(`${machine.name} does not know the form it saved`);
        return [key, loaded];
      }),
    );
    return out;
  });
};
