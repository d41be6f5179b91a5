/**
 * Live alerts: one tail of the derived log for all subscribers of all surfaces.
 *
 *   core.tail -> index of wants -> pending of each subscriber -> (end of the tick) -> one frame, serialised once, shared by all who get the same
 *
 * A subscriber is told what the log holds, in the log's order per partition, each alert once.
 */
import type { Alert } from "../domain/event.ts";
import type { Position } from "../domain/ports.ts";
import type { Core, Delivered, Tail } from "./core.ts";
import type { Wanted } from "./wants.ts";
import { WantIndex } from "./wants.ts";

/** How a surface says alerts. One value for all its subscribers of a kind: what is equal is serialised once. */
export type Dialect = {
  readonly present: (alert: Alert) => string;
  /** A whole frame. `at` is the tail once its alerts are delivered. */
  readonly frame: (alerts: readonly string[], tenant: string, at: Tail) => string;
  /** False: revision 0 only. */
  readonly revisions: boolean;
  /** Alerts in one frame at most. */
  readonly most: number;
};

export type Subscriber = {
  readonly tenant: string;
  readonly dialect: Dialect;
  /** A frame is due; its alerts are those that arrived since the last one. `at`: the tail with them. False: it was not sent. */
  readonly send: (frame: Buffer, alerts: number, at: Tail) => boolean;
};

export interface Subscription {
  /** The tail from which on it is told. */
  readonly at: Tail;
  /** What was pending is sent first. Returns the tail from which on the new wants hold. */
  replace(wanted: Wanted): Tail;
  /** Whatever stands before this tail was told otherwise: what is pending of it is dropped, what is still to come is skipped. */
  goOnFrom(at: Tail): void;
  stop(): void;
}

export interface Live {
  subscribe(subscriber: Subscriber, wanted: Wanted): Subscription;
  /** The tail after the newest batch heard. */
  at(): Tail;
  close(): void;
}

/** `at`: the tail once it is delivered. */
type Due = { readonly delivered: Delivered; readonly at: Tail };
type Frame = { readonly frame: Buffer; readonly alerts: number; readonly at: Tail };

/** The alerts pending for some subscribers, as a list grown at its end: those that got the same alerts share the list and its frames. */
class Pack {
  readonly length: number;
  readonly #before: Pack | undefined;
  readonly #due: Due | undefined;
  readonly #next = new Map<Due, Pack>();
  #frames: readonly Frame[] | undefined;

  constructor(before?: Pack, due?: Due) {
    this.#before = before;
    this.#due = due;
    this.length = before === undefined ? 0 : before.length + 1;
  }

  with(due: Due): Pack {
    const known = this.#next.get(due);
    if (known !== undefined) return known;
    const pack = new Pack(this, due);
    this.#next.set(due, pack);
    return pack;
  }

  /** `at`: the tail of the last frame; the others say the tail of their last alert. */
  frames(texts: Texts, dialect: Dialect, tenant: string, at: Tail): readonly Frame[] {
    if (this.#frames !== undefined) return this.#frames;
    const dues: Due[] = [];
    for (let pack: Pack = this; pack.#due !== undefined; pack = pack.#before as Pack) dues.push(pack.#due);
    dues.reverse();
    const frames: Frame[] = [];
    for (let end = dialect.most; end - dialect.most < dues.length; end += dialect.most) {
      const some = dues.slice(end - dialect.most, end);
      const tail = end < dues.length ? (some.at(-1) as Due).at : at;
      const alerts = some.map(({ delivered }) => texts.of(dialect, delivered));
      frames.push({ frame: Buffer.from(dialect.frame(alerts, tenant, tail)), alerts: some.length, at: tail });
    }
    this.#frames = frames;
    return frames;
  }
}

/** Each alert in each dialect, serialised once. Weak: it goes with the batch. */
class Texts {
  readonly #texts = new WeakMap<Delivered, Map<Dialect["present"], string>>();

  of({ present }: Dialect, delivered: Delivered): string {
    let texts = this.#texts.get(delivered);
    if (texts === undefined) {
      texts = new Map();
      this.#texts.set(delivered, texts);
    }
    let text = texts.get(present);
    if (text === undefined) {
      text = present(delivered.alert);
      texts.set(present, text);
    }
    return text;
  }
}

type Entry = {
  readonly subscriber: Subscriber;
  wanted: Wanted;
  pending: Pack | undefined;
  root: Root;
  open: boolean;
  told: number;
  floor: Tail;
};
/** The empty list all subscribers of a tenant and dialect start from; a new one each round. */
type Root = { pack: Pack };

/** Frames sent in one turn, so that ten thousand sockets do not hold up a request. */
const SENDS_A_TURN = 2048;

export const startLive = (core: Core): Live => {
  const index = new WantIndex<Entry>();
  const texts = new Texts();
  // Weak: some surfaces make a dialect for as long as somebody is told in it.
  const roots = new WeakMap<Dialect, Map<string, Root>>();
  const used = new Set<Root>();
  let due: Entry[] = [];
  let scheduled = false;
  /** By tenant, since the meter was last told: telling it of each would cost as much as sending. */
  const delivered = new Map<string, number>();
  /** Numbers the alerts: an entry remembers the last it was told, however many of its wants meet it. */
  let serial = 0;

  const rootOf = ({ dialect, tenant }: Subscriber): Root => {
    const ofDialect = roots.get(dialect) ?? new Map<string, Root>();
    roots.set(dialect, ofDialect);
    const root = ofDialect.get(tenant) ?? { pack: new Pack() };
    ofDialect.set(tenant, root);
    return root;
  };

  const push = (entry: Entry, alert: Due): void => {
    if (entry.pending === undefined) {
      entry.pending = entry.root.pack;
      used.add(entry.root);
      due.push(entry);
    } else if (entry.pending.length >= core.limits.pageRows) {
      // Full in the middle of a batch: its cursor is the tail so far, not yet the batch's end.
      send(entry, [...settled]);
      entry.pending = entry.root.pack;
      used.add(entry.root);
    }
    entry.pending = entry.pending.with(alert);
  };

  /** Returns how many frames that were. */
  const send = (entry: Entry, at: Tail): number => {
    const { pending, subscriber } = entry;
    entry.pending = undefined;
    if (pending === undefined || pending.length === 0 || !entry.open) return 0;
    const frames = pending.frames(texts, subscriber.dialect, subscriber.tenant, at);
    let alerts = 0;
    for (const each of frames) if (subscriber.send(each.frame, each.alerts, each.at)) alerts += each.alerts;
    delivered.set(subscriber.tenant, (delivered.get(subscriber.tenant) ?? 0) + alerts);
    return frames.length;
  };

  const flush = (): void => {
    scheduled = false;
    // New lists for whoever is pending from now on. Were they kept until nobody is, they would grow for ever under load.
    for (const root of used) root.pack = new Pack();
    used.clear();
    let told = 0;
    for (let sends = 0; told < due.length && sends < SENDS_A_TURN; told++) sends += send(due[told] as Entry, heard);
    due = due.slice(told);
    for (const [tenant, alerts] of delivered) core.meter.count("tallywire_deliveries_total", alerts, { tenant });
    delivered.clear();
    if (due.length > 0) schedule();
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  /** Of the running batch: the tail so far, changed in place with each alert. Whoever is told is given a copy. */
  let settled: Position[] = [];

  const hear = (batch: readonly Delivered[], at: Tail): void => {
    for (const delivered of batch) {
      const { alert, partition, position } = delivered;
      serial++;
      let pending: Due | undefined;
      index.concerned(alert, (entry) => {
        if (
          entry.told === serial ||
          position < (entry.floor[partition] ?? 0) ||
          (alert.revision > 0 && !entry.subscriber.dialect.revisions) ||
          entry.wanted.only?.(alert) === false
        )
          return;
        entry.told = serial;
        pending ??= { delivered, at: settled.with(partition, position + 1) };
        push(entry, pending);
      });
      if (pending !== undefined) core.meter.observe("tallywire_alert_latency_seconds", Math.max(0, core.now() - alert.receivedAt) / 1000);
      settled[partition] = position + 1;
    }
    heard = at;
    settled = [...at];
    if (due.length > 0) schedule();
  };

  let heard: Tail = [];
  const tail = core.tail(hear);
  if (heard.length === 0) heard = tail.at;
  settled = [...heard];

  return {
    at: () => heard,
    subscribe: (subscriber, wanted) => {
      const entry: Entry = { subscriber, wanted, pending: undefined, root: rootOf(subscriber), open: true, told: 0, floor: [] };
      index.add(entry, wanted);
      return {
        at: heard,
        replace: (next) => {
          send(entry, heard);
          index.remove(entry, entry.wanted);
          entry.wanted = next;
          index.add(entry, next);
          return heard;
        },
        goOnFrom: (at) => {
          entry.pending = undefined;
          entry.floor = at;
        },
        stop: () => {
          entry.open = false;
          index.remove(entry, entry.wanted);
        },
      };
    },
    close: () => tail.stop(),
  };
};
