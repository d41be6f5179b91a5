/**
 * Which tenants have to be looked at: those of whose playbacks more was told than was looked at. It is told how far a stream has come and no
 * more, since the store tells of every decision from the first one on: what began long ago may have ended since.
 */
import type { Folded } from "../domain/fold.ts";
import type { Playbacks } from "../domain/playback.ts";
import type { Revision } from "../domain/ports.ts";

type Loading = { load(): Promise<Folded<Playbacks>>; refresh(): Promise<Folded<Playbacks>> };

export type OpenOnes = {
  /** The tenant's playbacks have come so far at least. */
  note(tenant: string, revision: Revision): void;
  unsettled(): readonly string[];
  /** What the tenant's stream comes to, with all that was told of it. Where that cannot be had, the tenant stays unsettled. */
  settle(tenant: string, loading: Loading): Promise<Folded<Playbacks>>;
};

export const createOpenOnes = (): OpenOnes => {
  /** Of those that are unsettled. */
  const told = new Map<string, Revision>();
  const seen = new Map<string, Revision>();
  return {
    note(tenant, revision) {
      if (revision > Math.max(told.get(tenant) ?? 0, seen.get(tenant) ?? 0)) told.set(tenant, revision);
    },
    unsettled: () => [...told.keys()],
    async settle(tenant, loading) {
      const known = await loading.load();
      const folded = known.revision < (told.get(tenant) ?? 0) ? await loading.refresh() : known;
      seen.set(tenant, Math.max(folded.revision, seen.get(tenant) ?? 0));
      if ((told.get(tenant) ?? 0) <= folded.revision) told.delete(tenant);
      return folded;
    },
  };
};
