/**
 * GET /hls/{cam}/{date}/{hour}/index.m3u8 and what it names; and snaps. A playlist wants a token, which a player can say in its address only.
 * What it names, and snaps, are opened by a grant in their address: the token is in none of them.
 */
import type { Context } from "hono";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import { type NotRecorded, PLAYLIST } from "../../domain/media.ts";
import type { Place } from "../../domain/video.ts";
import type { Core } from "../core.ts";
import type { Env } from "../env.ts";
import { heldUntil } from "../grants.ts";
import { formatInstant, parseInstant } from "../instant.ts";
import type { Documented } from "../parameters.ts";
import { idInPath, readIdInPath } from "../path-id.ts";
import { Problem } from "../problem.ts";
import { type Desk, route } from "../route.ts";
import { sent } from "../sent.ts";
import { hourPath } from "../snap-url.ts";

const HOUR_FOLDER = "/hls/{cam}/{date}/{hour}";
const SNAP = /^snap-(0|[1-9]\d{0,14})\.jpg$/;

const DAY = /^\d{4}-\d\d-\d\d$/;
/** Whether it is a day there is, as `2026-04-30`. */
export const isDay = (text: string): boolean => DAY.test(text) && parseInstant(`${text}T00:00:00Z`) !== undefined;
export const daySchema = { type: "string", format: "date", example: "2026-04-30" } as const;

const twoDigits = (hour: number): string => String(hour).padStart(2, "0");
const hours = Array.from({ length: 24 }, (_, hour) => twoDigits(hour));

const inPath = (name: string, description: string, schema: Documented["schema"]): Documented => ({
  name,
  in: "path",
  required: true,
  description,
  schema,
});
const folderInPath = [
  { ...idInPath, name: "cam" },
  inPath("date", "A day, UTC.", daySchema),
  inPath("hour", "An hour of it, UTC.", { type: "string", enum: hours }),
];
const fileInPath = inPath("file", "As a playlist names it; or the snap of an instant, in milliseconds since 1970.", {
  type: "string",
  pattern: "^(\\d{13}-\\d{1,7}-[0-9a-f]{8}-\\d{1,12}\\.m4s|[0-9a-f]{8}\\.mp4|snap-(0|[1-9]\\d{0,14})\\.jpg)$",
  example: "snap-1777559025123.jpg",
});

/** From the root of the server on. */
export const playlistUrl = (camera: string, { date, hour }: Place): string =>
  `/v2/hls/${encodeURIComponent(camera)}/${date}/${twoDigits(hour)}/${PLAYLIST}`;

const reasons = {
  nothing: "nothing of this camera was recorded around then",
  gap: "it lies in a gap of the recording",
} as const satisfies Record<NotRecorded["notRecorded"], string>;
export const notRecordedProblem = (at: Instant, { notRecorded }: NotRecorded): Problem =>
  new Problem(404, `There is no recording of ${formatInstant(at)}: ${reasons[notRecorded]}.`);

/** What to say where nothing was recorded; undefined: there is such a camera. What was recorded outlives its camera. */
export const noSuchCamera = async ({ registry }: Pick<Core, "registry">, key: CameraKey): Promise<Problem | undefined> =>
  (await registry.get(key)) === undefined ? new Problem(404, "There is no such camera.") : undefined;

const noSuch = (): Problem => new Problem(404, "There is no such recording.");

type Folder = { readonly camera: string; readonly date: string; readonly hour: number };
/** Throws Problem 404, and 422 for what can be no camera's name. */
const folderIn = (c: Context<Env>, limits: { readonly idLength: number }): Folder => {
  const { date = "", hour = "" } = c.req.param() as Readonly<Record<string, string>>;
  if (!isDay(date) || !hours.includes(hour)) throw noSuch();
  return { camera: readIdInPath(c.req.url, -4, limits.idLength), date, hour: Number(hour) };
};

const snapInstant = (file: string): Instant | undefined => {
  const [, at] = SNAP.exec(file) ?? [];
  return at === undefined ? undefined : Number(at);
};

const bytes = { schema: { type: "string", format: "binary" } } as const;

export const hlsRoutes = (desk: Desk): void => {
  const { core, grants } = desk.house;
  const { video, limits } = core;
  const held = `${limits.grantMs / 3_600_000} h, and up to one hour more`;
  /** What was recorded does not change. */
  const forWhoAsked = `private, max-age=${Math.floor(limits.grantMs / 1000)}, immutable`;

  route(
    desk,
    {
      method: "get",
      path: `${HOUR_FOLDER}/${PLAYLIST}`,
      scope: "playback:read",
      summary: `The playlist of an hour of a camera. What it names is opened by a grant in its address, which holds ${held}.`,
      token: "query",
      more: folderInPath,
      responses: { 200: { description: "It.", content: { "application/vnd.apple.mpegurl": bytes } } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => {
      const { camera, date, hour } = folderIn(c, limits);
      const key: CameraKey = { tenant, camera };
      const grant = grants.give({ of: "hour", ...key, date, hour, until: heldUntil(core.now(), limits.grantMs) });
      const playlist = await video.hour(key, date, hour, (name) => `${name}?grant=${grant}`);
      if (playlist === undefined) throw (await noSuchCamera(core, key)) ?? new Problem(404, "Nothing was recorded in this hour.");
      return sent(c, playlist);
    },
  );

  /** Whose the file is, where the grant is for it. */
  const ownerBy = (c: Context<Env>, text: string): string | undefined => {
    const { camera, date, hour } = folderIn(c, limits);
    const at = snapInstant(c.req.param("file") ?? "");
    if (at !== undefined) {
      const snap = grants.read("snap", text, core.now());
      return snap?.camera === camera && snap.at === at ? snap.tenant : undefined;
    }
    const folder = grants.read("hour", text, core.now());
    return folder?.camera === camera && folder.date === date && folder.hour === hour ? folder.tenant : undefined;
  };

  route(
    desk,
    {
      method: "get",
      path: `${HOUR_FOLDER}/{file}`,
      scope: "playback:read",
      summary: `A piece of a recording, what tells how to read it, or a snap. A grant in its address, given out with it, opens it for ${held}.`,
      grant: ownerBy,
      more: [...folderInPath, fileInPath],
      responses: {
        200: { description: "It.", content: { "video/iso.segment": bytes, "video/mp4": bytes, "image/jpeg": bytes } },
      },
      refusals: [404, 422],
    },
    async (c, { tenant }) => {
      const { camera, date, hour } = folderIn(c, limits);
      const key: CameraKey = { tenant, camera };
      const file = c.req.param("file") ?? "";
      const at = snapInstant(file);
      if (at === undefined) {
        const piece = await video.hourFile(key, date, hour, file);
        if (piece === undefined) throw noSuch();
        return sent(c, piece, { cached: forWhoAsked });
      }
      // A picture stands at one address only.
      if (hourPath(at) !== `${date}/${twoDigits(hour)}`) throw noSuch();
      const picture = await video.snap(key, at);
      if ("notRecorded" in picture) throw notRecordedProblem(at, picture);
      return sent(c, picture, { cached: forWhoAsked });
    },
  );
};
