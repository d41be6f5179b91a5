/**
 * The socket /alerts/ws.
 *
 *   connected -> (?filter= or first text message, within filterWaitMs) -> told -> (further messages replace the filter)
 *
 * Frames of alerts are `{"alerts":[…]}`, with `tallywire.v1` and a cursor.
 */
import type { Alert } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import { CLOSE, Connection, type Dialects } from "../connection.ts";
import type { Arrived, House, SocketRoute } from "../surface.ts";
import { compileWants } from "../wants.ts";
import { readFilter } from "./filter.ts";
import { alertBody } from "./present.ts";

const present = (alert: Alert): string => JSON.stringify(alertBody(alert));

const dialectsOf = ({ core, cursors }: House): Dialects => ({
  plain: { present, frame: (alerts) => `{"alerts":[${alerts.join(",")}]}`, revisions: false, most: core.limits.pageRows },
  v1: {
    present,
    frame: (alerts, tenant, at) => `{"alerts":[${alerts.join(",")}],"cursor":${JSON.stringify(cursors.tail(tenant, at))}}`,
    revisions: true,
    most: core.limits.pageRows,
  },
  envelope: {},
});

export const alertSocket = (house: House): SocketRoute["take"] => {
  const dialects = dialectsOf(house);
  return (arrived) => filtered(new Connection(house, dialects, arrived), arrived, house.core.limits);
};

const filtered = (connection: Connection, { socket, query, caller }: Arrived, limits: Limits): void => {
  const read = (text: string): void => {
    if (!connection.isOpen) return;
    const filter = readFilter(text, limits);
    if ("detail" in filter) connection.fail(CLOSE.refused, filter.path, filter.detail);
    else connection.tell(compileWants(caller.tenant, filter.wants), { ack: { filters: filter.entries } });
  };
  socket.on("message", (data, isBinary) => {
    if (isBinary) {
      connection.fail(CLOSE.refused, "", "A filter is text, not binary.");
      return;
    }
    const start = performance.now();
    read(data.toString());
    connection.rest(performance.now() - start);
  });
  const first = query.get("filter");
  if (first !== null) {
    read(first);
    return;
  }
  const waiting = setTimeout(() => {
    if (!connection.isTold) connection.fail(CLOSE.noFilter, "", "No filter came.");
  }, limits.filterWaitMs);
  socket.on("close", () => clearTimeout(waiting));
};
