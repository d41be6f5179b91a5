/** Whether cameras are there, as every surface tells it. */
import { type CameraStatus, type Sign, statusOf } from "../domain/camera-status.ts";
import { AdapterError } from "../domain/ports.ts";
import type { Registered } from "../domain/registry.ts";
import type { Core } from "./core.ts";

type Knowing = Pick<Core, "ask" | "journal" | "now">;

/** Without a warehouse cameras are there all the same, and what was written was written: whether they are online is unknown then. */
const signsOf = async (
  { ask, journal }: Knowing,
  tenant: string,
  asked: readonly string[] | undefined,
): Promise<ReadonlyMap<string, Sign>> => {
  try {
    return await ask.signs(tenant, asked);
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    journal.warn({ err: error }, "the status of cameras could not be asked for");
    return new Map();
  }
};

/** Of each camera, in their order. `asked`: their names; undefined for all there are, whose names would be too long to ask by. */
export const statusesOf = async (
  core: Knowing,
  tenant: string,
  cameras: readonly Registered[],
  asked?: readonly string[],
): Promise<readonly { readonly camera: Registered; readonly status: CameraStatus }[]> => {
  const signs = await signsOf(core, tenant, asked);
  const now = core.now();
  return cameras.map((camera) => {
    const sign = signs.get(camera.id);
    // What was said of a camera of this name before it was created was said of another.
    const isOlder = sign?.stateAt !== undefined && sign.stateAt < camera.registration.createdAt;
    const own = sign && isOlder ? { ...sign, state: undefined, stateAt: undefined } : sign;
    return { camera, status: statusOf(own, now) };
  });
};
