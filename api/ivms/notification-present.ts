/** An alert, as /notification says it, and what it says when it opens and closes. */
import type { z } from "@hono/zod-openapi";
import type { RuleType } from "../../domain/camera.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { Alert } from "../../domain/event.ts";
import type { Dialects } from "../connection.ts";
import { snapUrl } from "../snap-url.ts";
import type { House } from "../surface.ts";
import type { Names } from "./notification-names.ts";
import type { notificationBody } from "./notification-schema.ts";

const handshake = (message: string): string =>
  JSON.stringify({ status: 1, code: 101, description: "Web Socket Protocol Handshake", message, result: [] });
export const OPENED = handshake("Connection Successful!");
export const CLOSED = handshake("Connection Closed!");

const alertTypes = {
  occupancy: 209,
  increment: 301,
  occupancy_threshold_switch: 302,
  flowrate: 303,
  notify: 304,
} as const satisfies Record<RuleType, number>;

/** `2017-07-07 11:56:47` in a zone, given by its IANA name. */
export const clockIn = (zone: string): ((at: Instant) => string) => {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return (at) => {
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return `${part.year?.padStart(4, "0")}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
  };
};

type Presenting = {
  readonly house: House;
  readonly names: Names;
  readonly clock: (at: Instant) => string;
  /** What addresses begin with, as whoever is told reaches us; undefined where that is not known. */
  readonly origin: string | undefined;
};

export const dialectsOf = ({ house, names, clock, origin }: Presenting): Dialects => {
  const body = (alert: Alert): z.infer<typeof notificationBody> => {
    const { channel, name } = names.of(alert);
    const snap = origin === undefined ? undefined : snapUrl(house, alert, alert.end);
    return {
      cameraId: channel,
      cameraName: name,
      eventTime: clock(alert.end),
      alertMessage: alert.description,
      alertType: alertTypes[alert.ruleType],
      base64imageUrl: snap === undefined ? "" : `${origin}${snap}`,
      eventDetails1: alert.id,
    };
  };
  return {
    plain: { present: (alert) => JSON.stringify(body(alert)), frame: ([alert]) => alert as string, revisions: false, most: 1 },
    v1: {
      present: (alert) => JSON.stringify({ ...body(alert), revision: alert.revision, ...(alert.retracted ? { retracted: true } : {}) }),
      frame: ([alert], tenant, at) => `${alert?.slice(0, -1)},"cursor":${JSON.stringify(house.cursors.tail(tenant, at))}}`,
      revisions: true,
      most: 1,
    },
    envelope: {},
  };
};
