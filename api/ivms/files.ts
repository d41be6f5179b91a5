/** GET hls/{grant}/{file}: what players ask for. The sealed address is the authorisation; the session is asked for each time. */
import { PLAYLIST } from "../../domain/media.ts";
import { servedHere } from "../access.ts";
import { openRoute } from "../route.ts";
import { sent } from "../sent.ts";
import { Fault, NO_SESSION } from "./answer.ts";
import { type Ivms, inPath, LOCAL, segment } from "./ivms.ts";

/** From the root of the surface on. */
export const playbackFile = (grant: string, file: string): string => `/hls/${grant}/${file}`;

const grant = inPath("grant", "As it stands in `hlsUrl`.", { type: "string" });
const file = inPath("file", `\`${PLAYLIST}\`, and what it names.`, { type: "string" });
const bytes = { schema: { type: "string", format: "binary" } } as const;

export const fileRoutes = (desk: Ivms): void => {
  const { core, grants, access } = desk.house;
  openRoute(
    desk,
    {
      path: LOCAL + playbackFile("{grant}", "{file}"),
      summary: "A playlist or a segment of a session. Keeps it alive.",
      more: [grant, file],
      responses: {
        200: {
          description: "It.",
          content: { "application/vnd.apple.mpegurl": { schema: { type: "string" } }, "video/mp4": bytes, "video/iso.segment": bytes },
        },
      },
      refusals: [404, 503],
    },
    async (c) => {
      servedHere(access.roles, "playback:read");
      const opened = grants.read("playback", segment(c, grant), core.now());
      const found = opened && (await core.video.file(opened.tenant, opened.kind, opened.id, segment(c, file)));
      if (found === undefined) throw new Fault(NO_SESSION, "There is no such stream session, or no such file in it.");
      return sent(c, found);
    },
  );
};
