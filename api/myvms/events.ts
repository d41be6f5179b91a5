/** GET /api/events: what rules told, over all cameras of the tenant. */
import { z } from "@hono/zod-openapi";
import { readMark, settle } from "../after.ts";
import { readAsOf } from "../as-of.ts";
import * as parameter from "../parameters.ts";
import { readParameters } from "../parameters.ts";
import { type Desk, json, route } from "../route.ts";
import { eventBody } from "./event.ts";
import { event } from "./event-schema.ts";

const PATH = "/api/events";
/** Events of a page, unless asked otherwise. */
export const PAGE = 50;

const parameters = {
  camera_id: parameter.oneId("One camera; all when left out."),
  type: parameter.oneId("A rule type, or, for `notify`, the type of its object."),
  since: parameter.optional(
    { description: "Events that ended then or later, RFC 3339 with a zone.", schema: parameter.instantSchema },
    parameter.instant,
  ),
  limit: parameter.limit(PAGE, "eventRows"),
  cursor: parameter.cursor,
  after: parameter.after,
  asOf: parameter.asOf,
};

const events = z
  .strictObject({ events: z.array(event), next: z.string().nullable().openapi({ description: "A cursor; null at the end." }) })
  .openapi("Events");

export const eventRoutes = (desk: Desk): void => {
  const { house } = desk;
  const { core, cursors } = house;
  route(
    desk,
    {
      method: "get",
      path: PATH,
      scope: "events:read",
      summary: "Events, newest first.",
      parameters,
      responses: { 200: { description: "A page of them.", content: json(events) } },
      refusals: [422],
    },
    async (c, { tenant }) => {
      const asked = readParameters(parameters, new URL(c.req.url).searchParams, core.limits);
      const { camera_id: camera, type, since, limit, cursor } = asked;
      const question = JSON.stringify([PATH, camera, type, since, ...(asked.asOf === undefined ? [] : [asked.asOf])]);
      const after = readMark(house, tenant, question, cursor);
      await settle(house, tenant, asked.after, "alerts");
      const then = await readAsOf(house, tenant, camera, asked.asOf);
      const page = await core.ask.events(tenant, {
        camera,
        type,
        since,
        limit,
        after,
        asOf: then?.asOf,
        epochsOf: async (of) => (await core.camera({ tenant, camera: of })).epochs,
      });
      return c.json({
        events: page.rows.map((alert) => eventBody(house, alert)),
        next: page.more === undefined ? null : cursors.page(tenant, question, page.more),
      });
    },
  );
};
