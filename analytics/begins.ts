/** Where the past of a camera can begin to be derived again: at a base, or at the oldest fact there is. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import type { Archive, Base, Log, Logs, Position } from "../domain/ports.ts";
import { type Memory, restoreMemory } from "./memory.ts";

/** Milliseconds by which the clocks of those who take facts in and of those who write bases may differ: facts may stand in another order than they arrived in. */
export const CLOCKS_MS = 3_600_000;

/** Cameras and where each begins. Two steps rather than a joined key: no text is made for each fact. */
export type Begins = Map<string, Map<string, Position>>;

export const beginsOf = (begins: readonly (CameraKey & { readonly begin: Position })[]): Begins => {
  const all = new Map<string, Map<string, Position>>();
  for (const { tenant, camera, begin } of begins) all.set(tenant, (all.get(tenant) ?? new Map<string, Position>()).set(camera, begin));
  return all;
};

/** Bases of one camera, the newest first: the one before the one given, the newest of all for undefined. */
export type Bases = (after: Base | undefined) => Promise<Base | undefined>;

/** Those the log keeps, without any that were written after an instant of arrival. */
export const basesOf =
  (logs: Pick<Logs, "baseBefore">, camera: CameraKey, before: Instant): Bases =>
  (after) =>
    logs.baseBefore(camera, after === undefined ? before : after.at - 1);

/** Those of the log, and those of the archive at `to` or before. */
export const keptBases = (
  logs: Pick<Logs, "baseBefore">,
  archive: Pick<Archive, "baseBefore"> | undefined,
  camera: CameraKey,
  to: Position,
): readonly Bases[] => [
  basesOf(logs, camera, Number.MAX_SAFE_INTEGER),
  async (after) => archive?.baseBefore(camera, after === undefined ? to : after.position - 1),
];

/**
 * Bases at `to` or before, the newest first, wherever they are kept. One that stands before the log's start is as good as any: retention
 * forgets a base with the first fact of its camera after it.
 */
export async function* newestFirst(kept: readonly Bases[], to: Position): AsyncGenerator<Base> {
  const heads = await Promise.all(kept.map((bases) => bases(undefined)));
  for (;;) {
    let newest = -1;
    for (const [i, head] of heads.entries()) if (head !== undefined && head.position > (heads[newest]?.position ?? -1)) newest = i;
    const base = heads[newest];
    if (base === undefined) return;
    if (base.position <= to) yield base;
    heads[newest] = await kept[newest]?.(base);
  }
}

/**
 * Takes the newest base of use at `to` or before into the memory: one written later is too new, one of a form not known is of no use, and an
 * older one may be neither. Gives its position; undefined where there is none.
 */
export const fromBase = async (memory: Memory, kept: readonly Bases[], to: Position): Promise<Position | undefined> => {
  for await (const base of newestFirst(kept, to)) if (restoreMemory(memory, [base]).length === 0) return base.position;
  return undefined;
};

/** What a partition holds of these cameras, each from where it begins, up to `to`. Batches without any of them are given too: they are work done. */
export async function* factsFrom(
  facts: Pick<Log<Fact>, "read">,
  partition: number,
  begins: Begins,
  { from, to }: { readonly from: Position; readonly to: Position },
): AsyncGenerator<{ readonly events: readonly Fact[]; readonly first: Position | undefined; readonly next: Position }> {
  for await (const { events, positions, next } of facts.read(partition, from, { to })) {
    const ours = events.filter(({ tenant, camera }, i) => {
      const begin = begins.get(tenant)?.get(camera);
      return begin !== undefined && (positions[i] as Position) >= begin;
    });
    yield { events: ours, first: positions[0], next };
  }
}

/** An instant before which nothing arrived of what these cameras begin with: what follows from it arrived then or later. 0 where there is nothing. */
export const arrivalOf = async (
  {
    logs,
    archive,
  }: { readonly logs: { readonly facts: Pick<Log<Fact>, "bounds" | "read"> }; readonly archive: Pick<Archive, "read"> | undefined },
  partition: number,
  begins: readonly (CameraKey & { readonly begin: Position })[],
): Promise<Instant> => {
  const { start } = await logs.facts.bounds(partition);
  const archived = archive === undefined ? [] : begins.filter(({ begin }) => begin < start);
  const first = begins.reduce((least, { begin }) => Math.min(least, begin), Number.MAX_SAFE_INTEGER);
  const feeds = [
    ...archived.map((camera) => (archive as Pick<Archive, "read">).read(camera, camera.begin, start)),
    logs.facts.read(partition, Math.max(first, start)),
  ];
  let arrival = Number.POSITIVE_INFINITY;
  for (const feed of feeds)
    for await (const { events } of feed) {
      for (const { receivedAt } of events) arrival = Math.min(arrival, receivedAt);
      if (events.length > 0) break;
    }
  return arrival === Number.POSITIVE_INFINITY ? 0 : Math.max(0, arrival - CLOCKS_MS);
};
