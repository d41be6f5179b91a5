/** When the newest frame of a camera was taken: one question of a tenant at a time, for all of its cameras that wait for one. */
import type { Sign } from "../domain/camera-status.ts";
import type { CameraKey, Instant } from "../domain/envelope.ts";

type Signs = (tenant: string, cameras: readonly string[] | undefined) => Promise<ReadonlyMap<string, Sign>>;
type Asked = { readonly cameras: Set<string>; readonly answer: Promise<ReadonlyMap<string, Sign>> };

/** Undefined: none is known. What it gives back throws what `signs` throws. */
export const createLastFrames = (signs: Signs): ((key: CameraKey) => Promise<Instant | undefined>) => {
  /** Of each tenant the question that is being answered, and the one after it, which others may join. */
  const underWay = new Map<string, Promise<unknown>>();
  const next = new Map<string, Asked>();

  const ask = async (tenant: string, cameras: ReadonlySet<string>): Promise<ReadonlyMap<string, Sign>> => {
    // How the one before it ended is told to who asked that.
    await underWay.get(tenant)?.catch(() => undefined);
    next.delete(tenant);
    // The names of many would be too long to ask by.
    const answer = signs(tenant, cameras.size === 1 ? [...cameras] : undefined);
    underWay.set(tenant, answer);
    try {
      return await answer;
    } finally {
      if (underWay.get(tenant) === answer) underWay.delete(tenant);
    }
  };

  return async ({ tenant, camera }) => {
    let asked = next.get(tenant);
    if (asked === undefined) {
      const cameras = new Set<string>();
      asked = { cameras, answer: Promise.resolve().then(() => ask(tenant, cameras)) };
      next.set(tenant, asked);
    }
    asked.cameras.add(camera);
    return (await asked.answer).get(camera)?.lastFrame;
  };
};
