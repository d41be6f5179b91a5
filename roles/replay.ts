/** Facts of a camera sent again, out of the log and, before its oldest, out of the archive. Where a time lies in the log is asked of the read models. */
import type { Core } from "../api/core.ts";
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { CameraState, Derived, Fact, Frame } from "../domain/event.ts";
import { createPartitions } from "../domain/partitions.ts";
import { AdapterError, type Batch, type Log, type Position } from "../domain/ports.ts";
import type { Elsewhere, FactLine, FactReplay, FactsAsked } from "../domain/replay.ts";
import { MotWriter } from "../ingest/formats/mot-lines.ts";
import { wireOf } from "../ingest/formats/wire.ts";
import type { Models } from "./warehouse.ts";
import type { World } from "./world.ts";

type Told = Frame | CameraState;
type How = { readonly states: boolean; readonly follow: boolean };
/** `to`: undefined where it goes on with what comes. `arrivedFrom`: what arrived before is not asked for. */
type Stretch = { readonly partition: number; readonly from: Position; readonly to: Position | undefined; readonly arrivedFrom: Instant };
type Piece = readonly { readonly fact: Told; readonly position: Position }[];

/** Facts made into lines before others have their turn: a few milliseconds. */
const A_SLICE = 256;
const LONG_AGO = Number.NEGATIVE_INFINITY;

/** The first that arrived then or later, the partition's end where there is none. */
const arrivedAt = async <E extends Fact | Derived>(log: Log<E>, partition: number, at: Instant): Promise<Position> => {
  const { end } = await log.bounds(partition);
  for await (const { positions } of log.read(partition, { arrivedAt: at }, { to: end }))
    if (positions[0] !== undefined) return positions[0];
  return end;
};

const timeOf = (fact: Told): Instant => (fact.kind === "frame" ? fact.timestamp : fact.at);

const textOf = (fact: Told): string => {
  if (fact.kind === "frame") return wireOf({ ...fact, sensorId: fact.camera });
  const { camera: sensorId, at, state, change, reason } = fact;
  return JSON.stringify({ kind: "camera-state", sensorId, at: new Date(at).toISOString(), state, change, reason });
};

const gone = (partition: number, at: Position): AdapterError => {
  const message = `Facts of partition ${partition} were removed from the log before they were read, from position ${at} on.`;
  return new AdapterError("unavailable", message, { retryable: true });
};

type Parts = Pick<World, "logs" | "archive" | "limits" | "createPause"> & Pick<Models, "span"> & Pick<Core, "settled">;

/** The position in the derived log of what follows from facts that arrived then or later. */
export const tailAt =
  ({ derived }: World["logs"]): Core["tailAt"] =>
  (at) =>
    Promise.all(Array.from({ length: derived.partitions }, (_, partition) => arrivedAt(derived, partition, at)));

export const createFactReplay = ({ logs: { facts }, archive, limits, span, settled, createPause }: Parts): FactReplay => {
  const partitionOf = createPartitions(facts.partitions);

  /**
   * Where what is asked for lies. Of states nothing is projected: with them it is sought by arrival, before which nothing happened but for
   * so much as a clock may be ahead.
   */
  const stretchOf = async ({ camera, since, from, to }: FactsAsked, { states, follow }: How): Promise<Stretch | Elsewhere> => {
    const partition = partitionOf(camera.tenant, camera.camera);
    const { start, end } = await facts.bounds(partition);
    const isBounded = !states && (from !== undefined || to !== undefined);
    // Frames may be in the log that are not projected yet: then all of it is looked through.
    const isKnown = isBounded && (end === start || (await settled(new Map([[partition, end - 1]]), "frames")));
    const within = isKnown ? await span(camera, { from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER }) : undefined;
    const last = isKnown && to !== undefined ? Math.min(end, within === undefined ? 0 : within.last + 1) : end;
    const stretch = (first: Position, arrivedFrom = LONG_AGO): Stretch => ({
      partition,
      from: first,
      to: follow ? undefined : last,
      arrivedFrom,
    });
    if (since !== undefined && "after" in since) {
      const position = since.after.get(partition);
      return position === undefined ? { elsewhere: "says nothing of this sensor: nothing of it was written there" } : stretch(position + 1);
    }
    if (since === undefined && within !== undefined) return stretch(within.first);
    const arrivedFrom = since?.arrivedAt ?? (from === undefined ? LONG_AGO : from - limits.aheadMs);
    const first = arrivedFrom === LONG_AGO ? start : await arrivedAt(facts, partition, arrivedFrom);
    return stretch(first === start && archive !== undefined ? 0 : first, arrivedFrom);
  };

  async function* read(camera: CameraKey, stretch: Stretch, signal: FactsAsked["signal"]): AsyncGenerator<Batch<Fact>> {
    const { partition, to = Number.POSITIVE_INFINITY } = stretch;
    let { start } = await facts.bounds(partition);
    let at = archive === undefined ? Math.max(stretch.from, start) : stretch.from;
    // What retention takes out of the log meanwhile is in the archive by then.
    for (;;) {
      if (archive !== undefined && at < Math.min(start, to)) {
        yield* archive.read(camera, at, Math.min(start, to));
        at = Math.min(start, to);
      }
      if (at >= to || signal.aborted) return;
      const wished = Number.isFinite(to) ? { to, signal } : { follow: true, signal };
      let isWhole = true;
      for await (const batch of facts.read(partition, at, wished)) {
        const [first] = batch.positions;
        isWhole = first === undefined || first <= at || (await facts.bounds(partition)).start <= at;
        if (!isWhole) break;
        at = batch.next;
        yield batch;
      }
      if (signal.aborted) return;
      ({ start } = await facts.bounds(partition));
      if (at >= Math.min(start, to)) return;
      if (archive === undefined) throw gone(partition, at);
    }
  }

  async function* piecesOf(
    { camera, from = LONG_AGO, to = Number.POSITIVE_INFINITY, signal }: FactsAsked,
    stretch: Stretch,
    states: boolean,
  ): AsyncGenerator<Piece> {
    const pause = createPause();
    const isTold = (fact: Fact): fact is Told =>
      fact.camera === camera.camera &&
      fact.tenant === camera.tenant &&
      (fact.kind === "frame" || (states && fact.kind === "camera-state")) &&
      fact.receivedAt >= stretch.arrivedFrom &&
      timeOf(fact) >= from &&
      timeOf(fact) < to;
    for await (const { events, positions } of read(camera, stretch, signal)) {
      for (let begun = 0; begun < events.length; begun += A_SLICE) {
        const piece: { fact: Told; position: Position }[] = [];
        for (let i = begun; i < Math.min(begun + A_SLICE, events.length); i++) {
          const fact = events[i] as Fact;
          if (isTold(fact)) piece.push({ fact, position: positions[i] as Position });
        }
        if (signal.aborted) return;
        yield piece;
        await pause();
      }
    }
  }

  const isMissing = async ({ partition, from }: Stretch): Promise<boolean> =>
    archive === undefined && from < (await facts.bounds(partition)).start;

  async function* lines(pieces: AsyncIterable<Piece>, write: (fact: Told) => string): AsyncGenerator<readonly FactLine[]> {
    for await (const piece of pieces) yield piece.map(({ fact, position }) => ({ position, at: timeOf(fact), text: write(fact) }));
  }

  return {
    lines: async (asked) => {
      const stretch = await stretchOf(asked, asked);
      if ("elsewhere" in stretch) return stretch;
      return {
        partition: stretch.partition,
        missing: await isMissing(stretch),
        lines: lines(piecesOf(asked, stretch, asked.states), textOf),
      };
    },
    mot: async (asked) => {
      const stretch = await stretchOf(asked, { states: false, follow: false });
      if ("elsewhere" in stretch) return stretch;
      const pieces = () => piecesOf(asked, stretch, false);
      const { fps, from, to } = asked;
      const tried = new MotWriter(fps, from);
      for await (const piece of pieces())
        for (const { fact } of piece) {
          const written = tried.write(fact as Frame);
          if (typeof written !== "string") return written;
        }
      const { start = from ?? to ?? 0, type, late } = tried;
      const writer = new MotWriter(fps, start);
      // It has been written once: it can be again.
      const write = (fact: Told): string => writer.write(fact as Frame) as string;
      return {
        partition: stretch.partition,
        missing: await isMissing(stretch),
        lines: lines(pieces(), write),
        key: { fps, start, type, late },
      };
    },
  };
};
