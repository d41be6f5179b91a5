/** GET event/{eventid}/snap and event/{eventid}/clip: the picture and the film of an alert, to be stored. */
import type { Context } from "hono";
import type { Alert } from "../../domain/event.ts";
import { idFlaw } from "../../domain/id-flaw.ts";
import type { Clip, MediaFile, NotRecorded } from "../../domain/media.ts";
import type { Env } from "../env.ts";
import { unprocessable } from "../problem.ts";
import { route } from "../route.ts";
import { sent } from "../sent.ts";
import { idShape } from "../text.ts";
import { Fault, NOT_RECORDED } from "./answer.ts";
import { notRecordedFault } from "./failure.ts";
import { BY_QUERY, type Ivms, inPath, LOCAL, segment } from "./ivms.ts";

const eventid = inPath("eventid", "The alert's id.", idShape);

type Shown = {
  readonly name: "snap" | "clip";
  readonly summary: string;
  readonly type: MediaFile["type"];
  readonly ending: string;
  readonly of: (alert: Alert) => Promise<MediaFile | Clip | NotRecorded>;
};

export const eventRoutes = (desk: Ivms): void => {
  const { ask, video, limits } = desk.house.core;

  const alertIn = async (c: Context<Env>, tenant: string): Promise<Alert> => {
    const id = segment(c, eventid);
    const flaw = idFlaw(id, limits.idLength);
    if (flaw !== undefined) throw unprocessable(eventid.name, flaw);
    const alert = await ask.alert(tenant, id);
    if (alert === undefined) throw new Fault(NOT_RECORDED, "There is no such event.");
    return alert;
  };

  const shown: readonly Shown[] = [
    {
      name: "snap",
      summary: "The picture of an event, at the instant of its end.",
      type: "image/jpeg",
      ending: "jpg",
      of: ({ tenant, camera, end }) => video.snap({ tenant, camera }, end),
    },
    {
      name: "clip",
      summary: "The film of an event, with some seconds before and after it.",
      type: "video/mp4",
      ending: "mp4",
      of: ({ tenant, camera, start, end }) => video.clip({ tenant, camera }, start, end),
    },
  ];
  for (const { name, summary, type, ending, of } of shown)
    route(
      desk,
      {
        method: "get",
        scope: "playback:read",
        ...BY_QUERY,
        path: `${LOCAL}/event/{eventid}/${name}`,
        summary,
        more: [eventid],
        responses: {
          200: {
            description: "To be stored.",
            headers: { "Content-Disposition": { schema: { type: "string" }, description: "The name of the file." } },
            content: { [type]: { schema: { type: "string", format: "binary" } } },
          },
        },
        refusals: [404, 422],
      },
      async (c, { tenant }) => {
        const alert = await alertIn(c, tenant);
        const file = await of(alert);
        if ("notRecorded" in file) throw notRecordedFault(file);
        return sent(c, file, { name: `${name}-${alert.id}.${ending}` });
      },
    );
};
