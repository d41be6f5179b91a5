/** GET /alerts, /alerts/{fov,tripwire,roi}, /alerts/count. */
import type { Analytic } from "../../domain/camera.ts";
import * as parameter from "../parameters.ts";
import type { Table } from "./csv.ts";
import type { Emdx } from "./emdx.ts";
import { type AlertBody, alertBody, alertCountBody } from "./present.ts";
import { pageOf, question, rangeOf } from "./question.ts";
import * as schemas from "./schemas.ts";

/** Alerts of an answer, rows of a count, unless asked otherwise. */
export const PAGE = 100;

const range = { fromTimestamp: parameter.from, toTimestamp: parameter.to };
const analytics = [undefined, "fov", "tripwire", "roi"] as const satisfies readonly (Analytic | undefined)[];

export const alertRoutes = (emdx: Emdx): void => {
  const { ask } = emdx.house.core;
  for (const analytic of analytics) {
    const path = analytic === undefined ? "/alerts" : `/alerts/${analytic}`;
    question(emdx, {
      path,
      summary: analytic === undefined ? "Alerts of a sensor, latest first." : `Alerts of a sensor's ${analytic}, latest first.`,
      parameters: { ...range, limit: parameter.limit(PAGE), cursor: parameter.cursor },
      answer: schemas.alerts,
      reads: "alerts",
      original: true,
      ask: async (asked, about) => {
        const given = rangeOf(asked);
        const page = await ask.alerts(about.scope, {
          from: given.from,
          to: given.to ?? about.now,
          ...pageOf(emdx, path, about, asked),
          analytic,
        });
        const alerts = page.rows.map(alertBody);
        return { body: { alerts }, table: alertTable(alerts), empty: alerts.length === 0, more: page.more };
      },
    });
  }

  question(emdx, {
    path: "/alerts/count",
    summary: "How many alerts each rule raised, by direction.",
    parameters: { ...range, limit: parameter.limit(PAGE) },
    answer: schemas.alertCounts,
    reads: "alerts",
    original: true,
    ask: async (asked, { key, scope, now }) => {
      const given = rangeOf(asked);
      const over = { from: given.from, to: given.to ?? now };
      const [rows, uptime] = await Promise.all([
        ask.alertCounts(scope, { ...over, analytic: undefined, limit: asked.limit }),
        ask.uptime(scope, over),
      ]);
      const alerts = rows.map((row) => alertCountBody(key.camera, row));
      const columns = ["sensorId", "type", "rule_type", "rule_id", "rule_name", "direction", "count"] as const;
      return {
        body: { alerts, uptime },
        table: { columns, rows: alerts.map((row) => columns.map((column) => row[column])) },
        empty: alerts.length === 0,
      };
    },
  });
};

const columns = [
  "id",
  "revision",
  "sensorId",
  "type",
  "rule_type",
  "rule_id",
  "rule_name",
  "rule_version",
  "severity",
  "direction",
  "count",
  "startTimestamp",
  "endTimestamp",
  "duration",
  "description",
] as const satisfies readonly (keyof AlertBody)[];

/** Attributes, such as the objects, are one cell of JSON. */
export const alertTable = (alerts: readonly AlertBody[]): Table => ({
  columns: [...columns, "attributes", "cause_from_timestamp", "cause_from_id", "cause_to_timestamp", "cause_to_id"],
  rows: alerts.map((alert) => [
    ...columns.map((column) => alert[column]),
    JSON.stringify(alert.attributes),
    alert.cause.from.timestamp,
    alert.cause.from.id,
    alert.cause.to.timestamp,
    alert.cause.to.id,
  ]),
});
