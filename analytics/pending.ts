/** Recomputations that were asked for and are not done: what is remembered of each until then. */
import type { Camera } from "../domain/camera.ts";
import { loadCameraDefinition, saveCameraDefinition } from "../domain/camera-saving.ts";
import type { Json } from "../domain/envelope.ts";
import type { Recompute } from "../domain/event.ts";
import type { Position } from "../domain/ports.ts";
import { loadTold, type ToldAlerts } from "./told-already.ts";

export type PendingRecompute = {
  readonly fact: Recompute;
  /** Of the fact. */
  readonly position: Position;
  /** What had been decided by then. */
  readonly decided: Camera;
  /** The derived log's end when it held what follows from all before the fact, and nothing else. Undefined until that is known. */
  readonly told: Position | undefined;
};

export const savePending = ({ fact, position, decided, told }: PendingRecompute): Json => [
  { ...fact },
  position,
  saveCameraDefinition(decided),
  told ?? null,
];

/** Throws TypeError for what `savePending` did not give. */
export const loadPending = (saved: Json): PendingRecompute => {
  const [fact, position, definition, told] = saved as unknown as [Recompute, Position, Json, Position | null];
  const decided = loadCameraDefinition(definition);
  if (decided === undefined) throw new TypeError("a definition of an unknown form");
  return { fact, position, decided, told: told ?? undefined };
};

type Kept = { readonly recomputes: readonly PendingRecompute[]; readonly told: ToldAlerts };

/** Those in the saved memory of a camera, and what was told of any; none where its form says nothing of them. */
export const keptIn = (memory: Json | undefined): Kept => {
  try {
    const { recomputes = [], told } = memory as { readonly recomputes?: readonly Json[]; readonly told?: Json };
    return { recomputes: recomputes.map(loadPending), told: loadTold(told) };
  } catch (thrown) {
    if (thrown instanceof TypeError) return { recomputes: [], told: new Map() };
    throw thrown;
  }
};
