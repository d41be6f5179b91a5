/** The shape of what /notification says. Strict: a message with another field fails its test. */
import { z } from "@hono/zod-openapi";

const said = <M extends string>(message: M) =>
  z.strictObject({
    status: z.literal(1),
    code: z.literal(101),
    description: z.literal("Web Socket Protocol Handshake"),
    message: z.literal(message),
    result: z.array(z.unknown()).max(0),
  });
const opened = said("Connection Successful!").openapi({ description: "The first message." });
const closed = said("Connection Closed!").openapi({ description: "The last one, where it is the server that closes." });

const shape = {
  cameraId: z.int().min(0).openapi({ description: "The channel's number; 0 for a sensor that is no channel." }),
  cameraName: z.string(),
  eventTime: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    .openapi({ description: "When it ended, in the server's time zone for this.", example: "2017-07-07 11:56:47" }),
  alertMessage: z.string(),
  alertType: z.int().openapi({ description: "209 occupancy, 301 increment, 302 threshold switch, 303 flow rate, 304 notify." }),
  base64imageUrl: z.string().openapi({ description: 'The address of a picture; "" where there is none.' }),
  eventDetails1: z.string().openapi({ description: "The alert's id, as /event/{eventid} takes it." }),
};
export const notificationBody = z.strictObject(shape).openapi("Notification");

const cursor = z.string().openapi({ description: "From where ?since= goes on." });
/** To a plain client, and with tallywire.v1. */
export const plainMessage = z.union([opened, notificationBody, closed]);
export const v1Message = z.union([
  opened,
  z.strictObject({
    ...shape,
    revision: z.int().min(0).openapi({ description: "The highest of an id is the truth." }),
    retracted: z.literal(true).optional().openapi({ description: "Should not have been raised." }),
    cursor,
  }),
  z.strictObject({ heartbeat: z.iso.datetime({ precision: 3 }), cursor }),
  z.strictObject({ gap: z.strictObject({ from: z.string(), to: z.string() }), cursor }),
  z.strictObject({ ended: z.strictObject({ told: z.int().min(0) }), cursor }),
  z.strictObject({ error: z.strictObject({ path: z.string(), detail: z.string() }) }),
  closed,
]);
