/** What was derived of some cameras, as it stands in the log: the highest revision of each is the truth. */
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Alert, Crossing, Derived, Presence } from "../domain/event.ts";
import type { Log, Position } from "../domain/ports.ts";

export type Standing<E extends Derived = Derived> = { readonly event: E; readonly position: Position };

/** Those of one partition that arrived at an instant or later and stand before `to`, batch by batch. */
export async function* derivedOf(
  log: Pick<Log<Derived>, "read">,
  partition: number,
  cameras: readonly CameraKey[],
  { arrivedFrom, to }: { readonly arrivedFrom: Instant; readonly to: Position },
): AsyncGenerator<readonly Standing[]> {
  const asked = new Map<string, Set<string>>();
  for (const { tenant, camera } of cameras) asked.set(tenant, (asked.get(tenant) ?? new Set<string>()).add(camera));
  for await (const { events, positions } of log.read(partition, { arrivedAt: arrivedFrom }, { to })) {
    const ours: Standing[] = [];
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as Derived;
      if (asked.get(event.tenant)?.has(event.camera) === true) ours.push({ event, position: positions[i] as Position });
    }
    yield ours;
  }
}

/** What makes a crossing that crossing, whatever its revision. */
export const crossingKey = ({ tenant, camera, place, object, direction, at, confirmedAt }: Crossing): string =>
  JSON.stringify([tenant, camera, place.id, place.epoch, object.id, direction, at, confirmedAt]);

/** The same of an entry or a leaving: a stay begins once and ends once, whenever that turns out to be. */
export const presenceKey = ({ tenant, camera, place, object, change, start }: Presence): string =>
  JSON.stringify([tenant, camera, place.analytic, place.id, place.epoch, object.id, change, start]);

export const alertKey = ({ tenant, camera, id }: Alert): string => keyText(keyText(tenant, camera), id);

export type Range = { readonly from: Instant; readonly to: Instant };

/** Highest revisions, retracted ones among them, in the order in which the first of each was told. */
export type Stood = {
  readonly alerts: ReadonlyMap<string, Standing<Alert>>;
  readonly crossings: ReadonlyMap<string, Standing<Crossing>>;
  readonly presence: ReadonlyMap<string, Standing<Presence>>;
  add(events: Iterable<Standing>): void;
};

/**
 * Folds what was derived to what stands of [from, to), event time. An alert belongs to it by `raisedAt` of its revision 0, a crossing by
 * `confirmedAt`, an entry or a leaving by `at` of what is told of it first. Holds all of it: it is for ranges of which all is to be had at once.
 */
export const standing = ({ from, to }: Range): Stood => {
  const alerts = new Map<string, Standing<Alert>>();
  const crossings = new Map<string, Standing<Crossing>>();
  const presence = new Map<string, Standing<Presence>>();
  const put = <E extends Alert | Crossing | Presence>(
    all: Map<string, Standing<E>>,
    key: string,
    revisionOf: (event: E) => number,
    isOurs: boolean,
    one: Standing<E>,
  ): void => {
    const known = all.get(key);
    if (known === undefined ? isOurs : revisionOf(one.event) > revisionOf(known.event)) all.set(key, one);
  };
  const within = (at: Instant): boolean => at >= from && at < to;
  const corrected = ({ correction }: Crossing | Presence): number => correction?.revision ?? 0;
  return {
    alerts,
    crossings,
    presence,
    add: (events) => {
      for (const { event, position } of events) {
        if (event.kind === "alert") {
          const isOurs = event.revision === 0 && within(event.raisedAt);
          put(alerts, alertKey(event), ({ revision }) => revision, isOurs, { event, position });
        } else if (event.kind === "crossing") {
          put(crossings, crossingKey(event), corrected, within(event.confirmedAt), { event, position });
        } else if (event.kind === "presence") {
          put(presence, presenceKey(event), corrected, within(event.at), { event, position });
        }
      }
    },
  };
};

/** Whether a highest revision says that there was none. */
export const isRetracted = (event: Alert | Crossing | Presence): boolean =>
  event.kind === "alert" ? event.retracted : event.correction?.retracted === true;
