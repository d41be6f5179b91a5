/** The questions over a warehouse, each timed. */
import type { Clock, Meter, Warehouse } from "../domain/ports.ts";
import { countAlerts, listAlerts, oneAlert } from "./alerts.ts";
import { uptime } from "./coverage.ts";
import { countCrossings, crossingHistogram, listCrossings } from "./crossings.ts";
import { listEvents } from "./events.ts";
import { behavior, listFrames } from "./frames.ts";
import { occupancyHistogram } from "./occupancy.ts";
import { listStays } from "./presence.ts";
import type { Questions } from "./questions.ts";
import { newestSigns } from "./states.ts";

export const ask = (
  warehouse: Pick<Warehouse, "select">,
  { clock, meter }: { readonly clock: Clock; readonly meter: Meter },
): Questions => {
  const timed = async <T>(question: keyof Questions, answer: Promise<T>): Promise<T> => {
    const since = clock.now();
    try {
      return await answer;
    } finally {
      meter.observe("tallywire_query_seconds", (clock.now() - since) / 1000, { question });
    }
  };
  return {
    alerts: (scope, asked) => timed("alerts", listAlerts(warehouse, scope, asked)),
    alert: (tenant, id) => timed("alert", oneAlert(warehouse, tenant, id)),
    events: (tenant, asked) => timed("events", listEvents(warehouse, tenant, asked)),
    alertCounts: (scope, asked) => timed("alertCounts", countAlerts(warehouse, scope, asked)),
    crossings: (scope, asked) => timed("crossings", listCrossings(warehouse, scope, asked)),
    stays: (scope, asked) => timed("stays", listStays(warehouse, scope, asked)),
    tripwireCounts: (scope, asked) => timed("tripwireCounts", countCrossings(warehouse, scope, asked)),
    tripwireHistogram: (scope, asked) => timed("tripwireHistogram", crossingHistogram(warehouse, scope, asked)),
    occupancyHistogram: (scope, asked) => timed("occupancyHistogram", occupancyHistogram(warehouse, scope, asked)),
    uptime: (scope, asked) => timed("uptime", uptime(warehouse, scope, asked)),
    frames: (scope, asked) => timed("frames", listFrames(warehouse, scope, asked)),
    signs: (tenant, cameras) => timed("signs", newestSigns(warehouse, tenant, cameras)),
    behavior: (scope, asked) => timed("behavior", behavior(warehouse, scope, asked)),
  };
};
