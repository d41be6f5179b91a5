/**
 * What is decided of a tenant's playbacks: that one begins, and how it ended. Keep-alives are no decisions.
 *
 * To end one that has ended, or never was, decides nothing: whoever has to tell the two apart looks into the state.
 *
 *   started ended started ... summed started ...        such a stream has no end: a fold begins with its last sum
 */
import { type Decider, type Refusal, refuse } from "./decider.ts";
import type { Instant } from "./envelope.ts";
import { limits } from "./limits.ts";
import type { Playback, PlaybackKind, PlaybackWish } from "./video.ts";

type Named = { readonly kind: PlaybackKind; readonly id: number };

export type PlaybackCommand =
  | { readonly type: "start"; readonly camera: string; readonly wish: PlaybackWish; readonly at: Instant }
  | (Named & { readonly type: "stop" | "expire"; readonly at: Instant })
  | (Named & { readonly type: "fail"; readonly at: Instant /** For people, without credentials. */; readonly reason: string });

export type PlaybackEvent =
  | { readonly type: "playback-started"; readonly playback: Playback }
  | (Named & { readonly type: "playback-ended"; readonly at: Instant; readonly how: "stopped" | "expired" })
  | (Named & { readonly type: "playback-ended"; readonly at: Instant; readonly how: "failed"; readonly reason: string })
  | {
      /** What all before it come to: they need not be read. */
      readonly type: "playbacks-summed";
      readonly open: readonly Playback[];
      readonly ended: readonly (readonly [id: number, kind: PlaybackKind])[];
      readonly lastId: number;
    };

/** `open` and `ended` by id, in the order of their beginning and of their end. `lastId`: the highest that was given out. */
export type Playbacks = {
  readonly open: ReadonlyMap<number, Playback>;
  readonly ended: ReadonlyMap<number, PlaybackKind>;
  readonly lastId: number;
};

type Decision = readonly PlaybackEvent[] | Refusal;

export const playbackDecider: Decider<PlaybackCommand, Playbacks, PlaybackEvent> = {
  initial: () => ({ open: new Map(), ended: new Map(), lastId: 0 }),
  own: ({ open, ended, lastId }) => ({ open: new Map(open), ended: new Map(ended), lastId }),
  decide: (command, playbacks): Decision => {
    switch (command.type) {
      case "start":
        return start(command, playbacks);
      case "stop":
        return ending(command, playbacks, { how: "stopped" });
      case "expire":
        return ending(command, playbacks, { how: "expired" });
      case "fail":
        return ending(command, playbacks, { how: "failed", reason: command.reason });
    }
  },
  sum: {
    type: "playbacks-summed",
    every: 1000,
    of: ({ open, ended, lastId }) => ({ type: "playbacks-summed", open: [...open.values()], ended: [...ended], lastId }),
  },
  evolve: (playbacks, event) => {
    if (event.type === "playbacks-summed")
      return { open: new Map(event.open.map((playback) => [playback.id, playback])), ended: new Map(event.ended), lastId: event.lastId };
    const open = playbacks.open as Map<number, Playback>;
    if (event.type === "playback-started") {
      open.set(event.playback.id, event.playback);
      return { ...playbacks, lastId: event.playback.id };
    }
    const ended = playbacks.ended as Map<number, PlaybackKind>;
    open.delete(event.id);
    ended.set(event.id, event.kind);
    if (ended.size > limits.playbacksEnded) for (const oldest of ended.keys()) if (ended.delete(oldest)) break;
    return playbacks;
  },
};

/** Ids look like the instant of the start, as those who ask for playbacks know them; where two begin at one instant, or the clock went back, they count on. */
const start = ({ camera, wish, at }: Extract<PlaybackCommand, { type: "start" }>, { open, lastId }: Playbacks): Decision => {
  if (open.size >= limits.playbacksPerTenant)
    return refuse("too-many", "", `${limits.playbacksPerTenant} playbacks go on, and no more may`);
  return [{ type: "playback-started", playback: { ...wish, id: Math.max(lastId + 1, at), camera, startedAt: at } }];
};

type How = { readonly how: "stopped" | "expired" } | { readonly how: "failed"; readonly reason: string };

const ending = ({ kind, id, at }: Named & { readonly at: Instant }, { open }: Playbacks, how: How): Decision =>
  open.get(id)?.kind === kind ? [{ type: "playback-ended", kind, id, at, ...how }] : [];
