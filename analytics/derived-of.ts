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

/** [from, to), event time. */
export type Range = { readonly from: Instant; readonly to: Instant };

/** Whether a highest revision says that there was none. */
export const isRetracted = (event: Alert | Crossing | Presence): boolean =>
  event.kind === "alert" ? event.retracted : event.correction?.retracted === true;
