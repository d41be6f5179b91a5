/** startlive, startarchive, keepalive, the state, stoplive, stoparchive: playbacks, which are stream sessions here. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { limits } from "../../domain/limits.ts";
import { PLAYLIST } from "../../domain/media.ts";
import type { PlaybackKind, PlaybackStatus, PlaybackWish } from "../../domain/video.ts";
import type { Caller } from "../caller.ts";
import type { Env } from "../env.ts";
import { formatInstant } from "../instant.ts";
import { json, route } from "../route.ts";
import { applied, Fault, NOT_RECORDED, noSession, retrieved } from "./answer.ts";
import { channelNumber } from "./channels.ts";
import { failureProblem, noPlaybackProblem } from "./failure.ts";
import { playbackFile } from "./files.ts";
import {
  appliedAnswer,
  BY_QUERY,
  channelIn,
  type Ivms,
  inPath,
  LOCAL,
  mayChange,
  numberIn,
  retrievedAnswer,
  rootOf,
  sessionIdIn,
} from "./ivms.ts";

const SCOPE = "playback:read";
/** As the document misspells it. */
const LOCLA = "/REST/locla";

const session = z
  .strictObject({
    streamSessionId: z.int().min(0),
    channelId: z.int().min(1).max(limits.channels),
    hlsUrl: z.url().openapi({ description: "The playlist. The address is the authorisation, for as long as the session lasts." }),
    status: z.enum(["starting", "running", "stalled", "failed"]),
    expiresAt: z.iso.datetime({ precision: 3 }).openapi({ description: "When it ends, unless it is kept alive." }),
    reason: z
      .strictObject({ name: z.string().openapi({ example: "timeout" }), message: z.string() })
      .optional()
      .openapi({ description: "Why it is stalled or failed, where that is known." }),
  })
  .openapi("StreamSession");
const sessions = retrieved("StreamSessions", z.array(session).length(1));

const side = { type: "integer", minimum: 0, maximum: limits.livePicturePx } as const;
const channel = inPath("channel", "The channel.", channelNumber);
const width = inPath("width", "Pixels; with a height of 0, too, the source's own.", side);
const height = inPath("height", "Pixels, likewise.", side);
const audio = inPath("audio", "1: with sound, where there is any.", { type: "integer", enum: [0, 1] });
/** Fifteen digits: far beyond every recording, and still an instant. */
const LATEST = 999_999_999_999_999;
const starttimestamp = inPath("starttimestamp", "Where to begin, epoch milliseconds.", { type: "integer", minimum: 0, maximum: LATEST });
const id = inPath("id", "The stream session.", { type: "integer", minimum: 0 });

export const sessionRoutes = (desk: Ivms): void => {
  const { core, grants } = desk.house;
  const { video, registry } = core;

  const body = (c: Context<Env>, tenant: string, status: PlaybackStatus, channelId: number): z.infer<typeof session> => {
    const { state } = status;
    const failure = "failure" in state ? state.failure : undefined;
    const grant = grants.give({ of: "playback", tenant, kind: status.kind, id: status.id });
    return {
      streamSessionId: status.id,
      channelId,
      hlsUrl: rootOf(c, desk) + playbackFile(grant, PLAYLIST),
      status: state.state,
      expiresAt: formatInstant(status.expiresAt),
      ...(failure && { reason: { name: failure.reason, message: failure.message } }),
    };
  };

  const start = async (c: Context<Env>, { tenant, subject }: Caller, more: PlaybackWishKind): Promise<Response> => {
    mayChange(c, desk);
    const most = core.limits.livePicturePx;
    const wish: PlaybackWish = {
      ...more,
      width: numberIn(c, width, 0, most),
      height: numberIn(c, height, 0, most),
      audio: numberIn(c, audio, 0, 1) === 1,
    };
    const camera = await channelIn(c, desk, channel, tenant);
    if (wish.kind === "archive" && wish.from > core.now()) throw new Fault(NOT_RECORDED, "That instant is yet to come.");
    const begun = await video.start({ tenant, camera: camera.id }, wish, subject);
    if (!("state" in begun)) throw noPlaybackProblem(begun);
    if (begun.state.state === "failed") throw failureProblem(begun.state.failure);
    return retrievedAnswer(c, desk, [body(c, tenant, begun, camera.registration.channel)]);
  };

  const found = { 200: { description: "The session.", content: json(sessions) } };
  const done = { 200: { description: "Done.", content: json(applied) } };
  const starting = { scope: SCOPE, ...BY_QUERY, responses: found, refusals: [404, 409, 422] } as const;

  for (const method of ["get", "post"] as const)
    route(
      desk,
      {
        ...starting,
        method,
        path: `${LOCAL}/startlive/{channel}/{width}/{height}/{audio}`,
        summary: "Plays a camera live.",
        more: [channel, width, height, audio],
      },
      (c, caller) => start(c, caller, { kind: "live" }),
    );
  for (const base of [LOCAL, LOCLA])
    for (const method of ["post", "get"] as const)
      route(
        desk,
        {
          ...starting,
          method,
          path: `${base}/startarchive/{channel}/{width}/{height}/{starttimestamp}/{audio}`,
          summary: "Plays what was recorded of a camera.",
          more: [channel, width, height, starttimestamp, audio],
        },
        async (c, caller) => start(c, caller, { kind: "archive", from: numberIn(c, starttimestamp, 0, LATEST) }),
      );

  const one = { method: "get", scope: SCOPE, ...BY_QUERY, more: [id], refusals: [404, 422] } as const;
  /** What `ask` says of the session in the path. Throws 3112 where it says that there is none. */
  const known = async <T>(c: Context<Env>, ask: (id: number) => Promise<T | undefined | false>): Promise<T> => {
    const given = sessionIdIn(c, id);
    const told = given === undefined ? undefined : await ask(given);
    if (told === undefined || told === false) throw noSession();
    return told;
  };

  for (const kind of ["live", "archive"] as const satisfies readonly PlaybackKind[]) {
    route(
      desk,
      { ...one, path: `${LOCAL}/${kind}/keepalive/{id}`, summary: `Keeps a session (${kind}) alive.`, responses: done },
      async (c, { tenant }) => {
        await known(c, (given) => video.keepAlive(tenant, kind, given));
        return appliedAnswer(c, desk);
      },
    );
    route(
      desk,
      { ...one, path: `${LOCAL}/stop${kind}/{id}`, summary: `Ends a session (${kind}); one that has ended, too.`, responses: done },
      async (c, { tenant, subject }) => {
        mayChange(c, desk);
        await known(c, (given) => video.stop(tenant, kind, given, subject));
        return appliedAnswer(c, desk);
      },
    );
    route(
      desk,
      { ...one, path: `${LOCAL}/${kind}/{id}`, summary: `The state of a session (${kind}).`, responses: found },
      async (c, { tenant }) => {
        const status = await known(c, (given) => video.status(tenant, kind, given));
        const camera = await registry.get({ tenant, camera: status.camera });
        if (camera === undefined) throw noSession();
        return retrievedAnswer(c, desk, [body(c, tenant, status, camera.registration.channel)]);
      },
    );
  }
};

/** What a wish is beside its size and its sound. */
type PlaybackWishKind = { readonly kind: "live" } | { readonly kind: "archive"; readonly from: number };
