/** GET /api/playback/timeline and /api/playback/event/{id}: where recordings are, and where in them an event is. */
import { z } from "@hono/zod-openapi";
import * as parameter from "../parameters.ts";
import { readParameters } from "../parameters.ts";
import { idInPath, readIdInPath } from "../path-id.ts";
import { Problem, unprocessable } from "../problem.ts";
import { type Desk, json, route } from "../route.ts";
import { daySchema, isDay, noSuchCamera, notRecordedProblem, playlistUrl } from "./hls.ts";

const parameters = {
  camera_id: parameter.required(parameter.oneId("The camera.")),
  date: parameter.required(
    parameter.optional({ description: "A day, UTC.", schema: daySchema }, (text, name) => {
      if (!isDay(text)) throw unprocessable(name, "is no day, such as 2026-04-30");
      return text;
    }),
  ),
};

const timeline = z
  .strictObject({
    camera_id: z.string(),
    date: z.iso.date().openapi({ example: "2026-04-30" }),
    hours: z
      .array(z.int().min(0).max(23))
      .openapi({ description: "Hours, UTC, of which something was recorded, ascending.", example: [14] }),
  })
  .openapi("Timeline");

const eventPlayback = z
  .strictObject({
    playlist_url: z.string().openapi({
      description: "From the root of the server on. It wants a token, in a header or as ?token=.",
      example: "/v2/hls/cam-front-01/2026-04-30/14/index.m3u8",
    }),
    offset: z
      .number()
      .min(0)
      .openapi({ description: "Seconds from the beginning of the playlist to `ts` of the event.", example: 1425.123 }),
  })
  .openapi("EventPlayback");

export const playbackRoutes = (desk: Desk): void => {
  const { core } = desk.house;
  const { video, ask, limits } = core;

  route(
    desk,
    {
      method: "get",
      path: "/api/playback/timeline",
      scope: "playback:read",
      summary: "The hours of a day of which something was recorded.",
      parameters,
      responses: { 200: { description: "They; none where nothing was. Of a camera that was removed, too.", content: json(timeline) } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => {
      const { camera_id: camera, date } = readParameters(parameters, new URL(c.req.url).searchParams, limits);
      const hours = [...(await video.hours({ tenant, camera }, date))];
      const none = hours.length === 0 ? await noSuchCamera(core, { tenant, camera }) : undefined;
      if (none !== undefined) throw none;
      return c.json({ camera_id: camera, date, hours });
    },
  );

  route(
    desk,
    {
      method: "get",
      path: "/api/playback/event/{id}",
      scope: "playback:read",
      summary: "Where in the recordings an event is.",
      more: [{ ...idInPath, description: "The event." }],
      responses: { 200: { description: "A playlist, and how far into it.", content: json(eventPlayback) } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => {
      const event = await ask.alert(tenant, readIdInPath(c.req.url, -1, limits.idLength));
      if (event === undefined) throw new Problem(404, "There is no such event.");
      const { camera, end } = event;
      const place = await video.place({ tenant, camera }, end);
      if ("notRecorded" in place) throw notRecordedProblem(end, place);
      return c.json({ playlist_url: playlistUrl(camera, place), offset: place.offset });
    },
  );
};
