/** Recorded alerts as lines: all revisions, as emdx presents them, of which each was raised in the range. */
import type { Alert } from "../../domain/event.ts";
import { cursorFault } from "../after.ts";
import type { Core, Tail } from "../core.ts";
import { readInstant } from "../parameters.ts";
import { unprocessable } from "../problem.ts";
import { after, furthest, nearest, reached, replayed } from "../replayed.ts";
import type { Emdx } from "./emdx.ts";
import { alertBody } from "./present.ts";
import { type Asked, type Due, gapHeader, lineOf, NDJSON, paced, type Stream } from "./replay-asked.ts";

const beginOf = async ({ core, cursors }: Emdx["house"], { tenant, since, range }: Asked): Promise<Tail> => {
  if (since === undefined) {
    // Nothing is raised before what raises it has arrived, but for so much as a frame may be ahead.
    return range.from === undefined ? core.tailStart() : core.tailAt(range.from - core.limits.aheadMs);
  }
  const instant = readInstant(since);
  if (instant !== undefined) return core.tailAt(instant);
  const read = cursors.readTail(tenant, since);
  if (!read.ok) throw unprocessable("since", cursorFault(read.why));
  return read.value;
};

/** Says where the tail is, and waits until it is beyond a place. */
class Growth {
  readonly #tail: ReturnType<Core["tail"]>;
  #at: Tail;
  #wake = (): void => undefined;

  constructor(core: Core) {
    this.#tail = core.tail((_, at) => {
      this.#at = at;
      this.#wake();
    });
    this.#at = this.#tail.at;
  }

  get at(): Tail {
    return this.#at;
  }

  async beyond(at: Tail, signal: AbortSignal): Promise<void> {
    while (reached(at, this.#at) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  stop(): void {
    this.#tail.stop();
  }
}

export const alertStream = async ({ house }: Emdx, asked: Asked, signal: AbortSignal): Promise<Stream> => {
  const { core, cursors } = house;
  const { tenant, range, follow } = asked;
  const sensors = asked.sensors && new Set(asked.sensors);
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = range;
  const isWanted = (alert: Alert): boolean =>
    alert.tenant === tenant && sensors?.has(alert.camera) !== false && alert.raisedAt >= from && alert.raisedAt < to;
  const [begin, start, end] = await Promise.all([beginOf(house, asked), core.tailStart(), core.tailEnd()]);
  const first = furthest(nearest(begin, end), start);

  async function* lines(): AsyncGenerator<Due> {
    const growth = follow ? new Growth(core) : undefined;
    try {
      for (let at = first; ; ) {
        const until = furthest(at, growth?.at ?? end);
        for await (const delivered of replayed(core, { from: at, to: until, isWanted, signal })) {
          at = after(at, delivered);
          const { alert } = delivered;
          const cursor = asked.cursors ? cursors.tail(tenant, at) : undefined;
          yield { at: alert.raisedAt, text: lineOf(JSON.stringify(alertBody(alert)), cursor) };
        }
        if (growth === undefined || signal.aborted) return;
        at = until;
        yield undefined;
        await growth.beyond(at, signal);
      }
    } finally {
      growth?.stop();
    }
  }
  return {
    ...NDJSON,
    headers: gapHeader(!reached(begin, first) || !reached(first, begin)),
    parts: paced(core, asked.pace, lines(), signal),
  };
};
