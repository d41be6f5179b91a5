/** What subscribers want, indexed: matching an alert costs eight look-ups and the subscribers concerned, however many others there are. */
import type { Analytic } from "../domain/camera.ts";
import type { Alert } from "../domain/event.ts";

/** `*` is any. For fov the place is always `*`. */
export type Want = { readonly sensor: string; readonly analytic: Analytic; readonly place: string; readonly ruleType: string };

const ANY = "*";
/** No part holds NUL: the doors refuse it in ids, the reader of filters in wants. */
const keyOf = (tenant: string, sensor: string, analytic: string, place: string, ruleType: string): string =>
  `${tenant}\0${sensor}\0${analytic}\0${place}\0${ruleType}`;

const keysOf = (tenant: string, wants: readonly Want[]): ReadonlySet<string> =>
  new Set(wants.map(({ sensor, analytic, place, ruleType }) => keyOf(tenant, sensor, analytic, place, ruleType)));

/** The eight keys under which a subscriber may want an alert. */
const keysFor = ({ tenant, camera, place, ruleType }: Alert): readonly string[] => {
  const id = place.analytic === "fov" ? ANY : place.id;
  const sensors = camera === ANY ? [ANY] : [camera, ANY];
  const places = id === ANY ? [ANY] : [id, ANY];
  return sensors.flatMap((sensor) =>
    places.flatMap((each) => [ruleType, ANY].map((type) => keyOf(tenant, sensor, place.analytic, each, type))),
  );
};

/** Whether one subscriber's wants meet an alert: for what is replayed to it alone. */
export const wanted = (wants: Wanted, alert: Alert): boolean =>
  keysFor(alert).some((key) => wants.keys.has(key)) && wants.only?.(alert) !== false;

/** `only` narrows what the keys meet, where they cannot say it. */
export type Wanted = { readonly keys: ReadonlySet<string>; readonly only?: (alert: Alert) => boolean };
export const compileWants = (tenant: string, wants: readonly Want[], only?: (alert: Alert) => boolean): Wanted => ({
  keys: keysOf(tenant, wants),
  ...(only && { only }),
});

export class WantIndex<S> {
  readonly #subscribers = new Map<string, Set<S>>();

  add(subscriber: S, { keys }: Wanted): void {
    for (const key of keys) {
      const subscribers = this.#subscribers.get(key);
      if (subscribers === undefined) this.#subscribers.set(key, new Set([subscriber]));
      else subscribers.add(subscriber);
    }
  }

  remove(subscriber: S, { keys }: Wanted): void {
    for (const key of keys) {
      const subscribers = this.#subscribers.get(key);
      if (subscribers?.delete(subscriber) && subscribers.size === 0) this.#subscribers.delete(key);
    }
  }

  /** Those whose keys meet it; one may be told several times. */
  concerned(alert: Alert, tell: (subscriber: S) => void): void {
    for (const key of keysFor(alert)) {
      const subscribers = this.#subscribers.get(key);
      if (subscribers !== undefined) for (const subscriber of subscribers) tell(subscriber);
    }
  }
}
