/**
 * Alerts that a recomputation told and that live, which knows nothing of it, may still come to. Live's word then bears the next revision; what
 * is no news is not told again.
 *
 *     recomputed   X r0 a                 X r0 a
 *     live              X r0 b                 X r0 a
 *     told         X r0 a   X r1 b        X r0 a
 *
 * It is state like any other: live's facts, stepped again after a crash, are numbered as they were.
 */
import { addText, hashOf, noSum } from "../domain/digest.ts";
import type { Json } from "../domain/envelope.ts";
import type { Alert } from "../domain/event.ts";
import { limits } from "../domain/limits.ts";

/** The highest revision told of an id, and a digest of its content; "" where it was taken back. */
export type ToldAlready = { readonly revision: number; readonly content: string };
/** By id, the oldest first. */
export type ToldAlerts = ReadonlyMap<string, ToldAlready>;

const NONE: ToldAlerts = new Map();

const contentOf = (alert: Alert): string => {
  if (alert.retracted) return "";
  const sum = noSum();
  addText(sum, JSON.stringify({ ...alert, receivedAt: 0, revision: 0 }));
  return hashOf(sum);
};
const toldOf = (alert: Alert): ToldAlready => ({ revision: alert.revision, content: contentOf(alert) });

/** With these, in the order in which they are told; of too many the oldest leave. */
export const withTold = (told: ToldAlerts, alerts: readonly Alert[], most: number = limits.rememberedCorrections): ToldAlerts => {
  if (alerts.length === 0) return told;
  const all = new Map(told);
  for (const alert of alerts) {
    all.delete(alert.id);
    all.set(alert.id, toldOf(alert));
  }
  return new Map([...all].slice(-most));
};

/** What is to be told of an alert that live came to, undefined for nothing; and what is then remembered. */
export const numbered = (told: ToldAlerts, alert: Alert): readonly [told: ToldAlerts, alert: Alert | undefined] => {
  const known = told.get(alert.id);
  if (known === undefined) return [told, alert];
  if (known.content === contentOf(alert)) return [told, undefined];
  const next = { ...alert, revision: known.revision + 1 };
  return [new Map(told).set(alert.id, toldOf(next)), next];
};

export const saveTold = (told: ToldAlerts): Json => Array.from(told, ([id, { revision, content }]) => [id, revision, content]);

/** Throws TypeError for what `saveTold` did not give. */
export const loadTold = (saved: Json | undefined): ToldAlerts => {
  if (saved === undefined) return NONE;
  return new Map(
    (saved as [string, number, string][]).map(([id, revision, content]) => {
      if (typeof id !== "string" || !Number.isSafeInteger(revision) || typeof content !== "string")
        throw new TypeError("what was told already is of an unknown form");
      return [id, { revision, content }];
    }),
  );
};
