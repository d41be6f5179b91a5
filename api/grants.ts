/**
 * Addresses that open one thing to whoever has them: a player cannot send a header, and a token in the address of every segment would lie in
 * logs and histories. A grant names what it opens, sealed (sealing.ts), and nothing else opens with it.
 */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { PlaybackKind } from "../domain/video.ts";
import { sealingBy } from "./sealing.ts";

/** A playback's grant holds as long as the playback; the others until `until`. */
export type Granted =
  | { readonly of: "playback"; readonly tenant: string; readonly kind: PlaybackKind; readonly id: number }
  | (CameraKey & { readonly of: "hour"; readonly date: string; readonly hour: number; readonly until: Instant })
  | (CameraKey & { readonly of: "snap"; readonly at: Instant; readonly until: Instant });

export type Grants = {
  give(granted: Granted): string;
  /** Undefined for what was not given out here, or holds no longer. */
  read<K extends Granted["of"]>(of: K, text: string, now: Instant): Extract<Granted, { of: K }> | undefined;
};

const HOUR_MS = 3_600_000;
/** Until when a grant holds that is given out now: so long, and up to an hour more, so that what is said twice within an hour is the same. */
export const heldUntil = (now: Instant, grantMs: number): Instant => (Math.floor((now + grantMs) / HOUR_MS) + 1) * HOUR_MS;

const kinds = { playback: 1, hour: 2, snap: 3 } as const satisfies Record<Granted["of"], number>;

/** `epoch` is a secret. */
export const grantsBy = (epoch: string): Grants => {
  const sealing = sealingBy(epoch, "grant");
  return {
    give: (granted) => sealing.seal(kinds[granted.of], "", Buffer.from(JSON.stringify(granted))),
    read: <K extends Granted["of"]>(of: K, text: string, now: Instant) => {
      const opened = sealing.open(kinds[of], "", text);
      if (!opened.ok) return undefined;
      // It has the shape we gave it: nobody else can seal.
      const granted = JSON.parse(opened.value.toString()) as Extract<Granted, { of: K }>;
      return "until" in granted && granted.until <= now ? undefined : granted;
    },
  };
};
