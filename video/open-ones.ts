/**
 * Which tenants have to be looked at: the store tells of every decision from the first one on, and what it tells of may have ended long
 * ago. So nothing follows from being told but a look at what the stream comes to.
 */
import type { Folded } from "../domain/fold.ts";
import type { PlaybackEvent, Playbacks } from "../domain/playback.ts";
import type { Decided, Revision } from "../domain/ports.ts";

type Loading = { load(): Promise<Folded<Playbacks>>; refresh(): Promise<Folded<Playbacks>> };

export type OpenOnes = {
  /** Of a stream of playbacks. */
  note(tenant: string, event: Decided): void;
  /** Tenants of which it was told that playbacks began that are not held, or that some ended that are. */
  unsettled(): readonly string[];
  /** What the tenant's stream comes to, with all that was told of it. Where that cannot be had, the tenant stays unsettled. */
  settle(tenant: string, loading: Loading): Promise<Folded<Playbacks>>;
};

export const createOpenOnes = (isHeld: (tenant: string, id: number) => boolean): OpenOnes => {
  const told = new Map<string, Revision>();
  const open = new Map<string, Set<number>>();
  const stale = new Set<string>();
  const forget = (tenant: string, id: number): void => {
    const ids = open.get(tenant);
    ids?.delete(id);
    if (ids?.size === 0) open.delete(tenant);
  };
  return {
    note(tenant, { revision, data }) {
      if (revision <= (told.get(tenant) ?? 0)) return;
      told.set(tenant, revision);
      // What the store holds are the decider's own events, as JSON: it wrote them.
      const event = data as unknown as PlaybackEvent;
      if (event.type === "playback-started") open.set(tenant, (open.get(tenant) ?? new Set()).add(event.playback.id));
      else {
        forget(tenant, event.id);
        if (isHeld(tenant, event.id)) stale.add(tenant);
      }
    },
    unsettled() {
      const begun = [...open].filter(([tenant, ids]) => [...ids].some((id) => !isHeld(tenant, id))).map(([tenant]) => tenant);
      return [...new Set([...stale, ...begun])];
    },
    async settle(tenant, loading) {
      stale.delete(tenant);
      try {
        const known = await loading.load();
        const folded = known.revision < (told.get(tenant) ?? 0) ? await loading.refresh() : known;
        for (const id of open.get(tenant) ?? []) if (!folded.state.open.has(id)) forget(tenant, id);
        return folded;
      } catch (error) {
        stale.add(tenant);
        throw error;
      }
    },
  };
};
