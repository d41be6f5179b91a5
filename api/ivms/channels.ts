/** GET channel, channel/count, channel/status, channel/{channelid}: cameras by their numbers. */
import { z } from "@hono/zod-openapi";
import { limits } from "../../domain/limits.ts";
import type { Registered } from "../../domain/registry.ts";
import { statusesOf } from "../camera-status.ts";
import { json, route } from "../route.ts";
import { retrieved } from "./answer.ts";
import { BY_QUERY, channelIn, type Ivms, inPath, LOCAL, retrievedAnswer } from "./ivms.ts";

const PATH = `${LOCAL}/channel`;
const SCOPE = "cameras:read";
/** Where nothing is known, as the document has it elsewhere. */
const UNKNOWN = "NA";

export const channelNumber = { type: "integer", minimum: 1, maximum: limits.channels, example: 1 } as const;
const number = z.int().min(1).max(limits.channels);

const channel = z
  .strictObject({
    id: number.openapi({ description: "By order of creation, never used again." }),
    model: z.string().openapi({ example: "Axis", description: `"${UNKNOWN}" where it is not known.` }),
    ip: z.string().openapi({ example: "192.168.1.10", description: `The host of its address; "${UNKNOWN}" without one.` }),
    name: z.string().openapi({ example: "Entry_View" }),
  })
  .openapi("Channel");
const channelStatus = z
  .strictObject({ channelId: number, channelStatus: z.int().openapi({ enum: [0, 1], description: "1: online, 0: not, or not known." }) })
  .openapi("ChannelStatus");

const channelid = inPath("channelid", "The channel.", channelNumber);

/** The host of a masked address; of IPv6 without its brackets. */
const hostOf = (url: string | undefined): string => {
  const host = url === undefined ? "" : (URL.parse(url)?.hostname ?? "");
  return host === "" ? UNKNOWN : host.replace(/^\[(.*)\]$/, "$1");
};

const channelBody = ({ registration }: Registered): z.infer<typeof channel> => ({
  id: registration.channel,
  model: registration.model ?? UNKNOWN,
  ip: hostOf(registration.url?.masked),
  name: registration.name,
});

export const channelRoutes = (desk: Ivms): void => {
  const { core } = desk.house;

  const read = { method: "get", scope: SCOPE, ...BY_QUERY } as const;

  route(
    desk,
    {
      ...read,
      path: PATH,
      summary: "All channels.",
      responses: { 200: { description: "By number.", content: json(retrieved("Channels", z.array(channel))) } },
      refusals: [422],
    },
    async (c, { tenant }) => retrievedAnswer(c, desk, (await core.registry.list(tenant)).map(channelBody)),
  );

  route(
    desk,
    {
      ...read,
      path: `${PATH}/count`,
      summary: "How many channels there are.",
      responses: {
        200: { description: "One number.", content: json(retrieved("ChannelCount", z.array(z.int().min(0)).length(1))) },
      },
      refusals: [422],
    },
    async (c, { tenant }) => retrievedAnswer(c, desk, [(await core.registry.tenant(tenant)).cameras]),
  );

  route(
    desk,
    {
      ...read,
      path: `${PATH}/status`,
      summary: "Which channels are online.",
      responses: { 200: { description: "By number.", content: json(retrieved("ChannelStatuses", z.array(channelStatus))) } },
      refusals: [422],
    },
    async (c, { tenant }) => {
      const all = await statusesOf(core, tenant, await core.registry.list(tenant));
      return retrievedAnswer(
        c,
        desk,
        all.map(
          ({ camera, status }): z.infer<typeof channelStatus> => ({
            channelId: camera.registration.channel,
            channelStatus: status === "online" ? 1 : 0,
          }),
        ),
      );
    },
  );

  route(
    desk,
    {
      ...read,
      path: `${PATH}/{channelid}`,
      summary: "One channel.",
      more: [channelid],
      responses: { 200: { description: "It.", content: json(retrieved("OneChannel", z.array(channel).length(1))) } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => retrievedAnswer(c, desk, [channelBody(await channelIn(c, desk, channelid, tenant))]),
  );
};
