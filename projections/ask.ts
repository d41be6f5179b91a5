/** The questions over a warehouse, each timed, and each asked of a reader bound to its tenant. */
import type { Clock, Meter, Warehouse } from "../domain/ports.ts";
import { countAlerts, listAlerts, oneAlert } from "./alerts.ts";
import { uptime } from "./coverage.ts";
import { countCrossings, crossingHistogram, listCrossings } from "./crossings.ts";
import { listEvents } from "./events.ts";
import { behavior, listFrames } from "./frames.ts";
import { occupancyHistogram } from "./occupancy.ts";
import { listStays } from "./presence.ts";
import type { Questions } from "./questions.ts";
import { readerOf } from "./reader.ts";
import { newestSigns } from "./states.ts";

export const ask = (
  warehouse: Pick<Warehouse, "select">,
  { clock, meter }: { readonly clock: Clock; readonly meter: Meter },
): Questions => {
  const of = ({ tenant }: { readonly tenant: string }) => readerOf(warehouse, tenant);
  const timed = async <T>(question: keyof Questions, answer: Promise<T>): Promise<T> => {
    const since = clock.now();
    try {
      return await answer;
    } finally {
      meter.observe("tallywire_query_seconds", (clock.now() - since) / 1000, { question });
    }
  };
  return {
    alerts: (scope, asked) => timed("alerts", listAlerts(of(scope), scope, asked)),
    alert: (tenant, id) => timed("alert", oneAlert(of({ tenant }), id)),
    events: (tenant, asked) => timed("events", listEvents(of({ tenant }), asked)),
    alertCounts: (scope, asked) => timed("alertCounts", countAlerts(of(scope), scope, asked)),
    crossings: (scope, asked) => timed("crossings", listCrossings(of(scope), scope, asked)),
    stays: (scope, asked) => timed("stays", listStays(of(scope), scope, asked)),
    tripwireCounts: (scope, asked) => timed("tripwireCounts", countCrossings(of(scope), scope, asked)),
    tripwireHistogram: (scope, asked) => timed("tripwireHistogram", crossingHistogram(of(scope), scope, asked)),
    occupancyHistogram: (scope, asked) => timed("occupancyHistogram", occupancyHistogram(of(scope), scope, asked)),
    uptime: (scope, asked) => timed("uptime", uptime(of(scope), scope, asked)),
    frames: (scope, asked) => timed("frames", listFrames(of(scope), scope, asked)),
    signs: (tenant, cameras) => timed("signs", newestSigns(of({ tenant }), cameras)),
    behavior: (scope, asked) => timed("behavior", behavior(of(scope), scope, asked)),
  };
};
