/**
 * Channels and names of the cameras that alerts are told of. An alert is presented without waiting; so what it needs is asked for before it
 * is let through to whoever presents it, batch by batch:
 *
 *   core.tail -> (the cameras of all batches that have come) looked up -> the batches, in their order
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type CameraKey, keyText } from "../../domain/envelope.ts";
import type { Core, Delivered, Tail } from "../core.ts";

type Named = { readonly channel: number; readonly name: string };
/** Those of one tenant, for as long as somebody of it is told. */
type Told = { sockets: number; readonly cameras: Map<string, Named> };

/** Cameras looked up at once. */
const AT_ONCE = 64;

export class Names {
  readonly #core: Pick<Core, "registry" | "limits" | "journal">;
  readonly #tenants = new Map<string, Told>();

  constructor(core: Pick<Core, "registry" | "limits" | "journal">) {
    this.#core = core;
  }

  /** Somebody of the tenant is told from now on, until what is returned is called. */
  enter(tenant: string): () => void {
    const told = this.#tenants.get(tenant) ?? { sockets: 0, cameras: new Map() };
    this.#tenants.set(tenant, told);
    told.sockets++;
    return () => {
      if (--told.sockets === 0) this.#tenants.delete(tenant);
    };
  }

  /** As last learnt. A sensor that nobody created has no channel, and is called by its id. */
  of({ tenant, camera }: CameraKey): Named {
    return this.#tenants.get(tenant)?.cameras.get(camera) ?? { channel: 0, name: camera };
  }

  /** Looks up the cameras of those tenants that are told. Resolves after `limits.afterMs` at the latest; what was known before holds on then. */
  async learn(keys: Iterable<CameraKey>): Promise<void> {
    const cameras = new Map<string, CameraKey>();
    for (const key of keys) if (this.#tenants.has(key.tenant)) cameras.set(keyText(key.tenant, key.camera), key);
    if (cameras.size === 0) return;
    const over = new AbortController();
    const late = sleep(this.#core.limits.afterMs, true, { signal: over.signal }).catch(() => false);
    try {
      if (await Promise.race([this.#look([...cameras.values()], over.signal), late]))
        this.#core.journal.warn({}, "channels and names of cameras cannot be had: notifications have the last known");
    } catch (error) {
      this.#core.journal.error({ err: error }, "channels and names of cameras cannot be had: notifications have the last known");
    } finally {
      over.abort();
    }
  }

  async #look(keys: readonly CameraKey[], over: AbortSignal): Promise<false> {
    for (let i = 0; i < keys.length && !over.aborted; i += AT_ONCE)
      await Promise.all(
        keys.slice(i, i + AT_ONCE).map(async (key) => {
          const found = await this.#core.registry.get(key);
          if (over.aborted) return;
          const cameras = this.#tenants.get(key.tenant)?.cameras;
          if (found === undefined) cameras?.delete(key.camera);
          else cameras?.set(key.camera, { channel: found.registration.channel, name: found.registration.name });
        }),
      );
    return false;
  }
}

type Batch = { readonly batch: readonly Delivered[]; readonly at: Tail };
const camerasOf = (batches: readonly Batch[]): CameraKey[] => batches.flatMap(({ batch }) => batch.map(({ alert }) => alert));

/** The same Core, whose alerts come once the names of their cameras are known. */
export const knowing = (core: Core, names: Names): Core => ({
  ...core,
  tail: (onBatch) => {
    let due: Batch[] = [];
    let isLearning = false;
    let stopped = false;
    const pass = async (): Promise<void> => {
      isLearning = true;
      while (due.length > 0) {
        const some = due;
        due = [];
        await names.learn(camerasOf(some));
        for (const { batch, at } of some) if (!stopped) onBatch(batch, at);
      }
      isLearning = false;
    };
    const tail = core.tail((batch, at) => {
      due.push({ batch, at });
      if (!isLearning) void pass();
    });
    const stop = (): void => {
      stopped = true;
      tail.stop();
    };
    return { at: tail.at, stop };
  },
  between: async function* (from, to) {
    for await (const batch of core.between(from, to)) {
      await names.learn(batch.map(({ alert }) => alert));
      yield batch;
    }
  },
});
