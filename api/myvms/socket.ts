/**
 * The socket /ws/events: the tenant's events, one a message, from the moment of connection.
 *
 * `?camera_id=` and `?type=`, each as often as wanted, narrow it. What a client says in text is ignored.
 * With `tallywire.v1` every revision is told, a cursor stands in each message, the first one is a heartbeat, and `?since=` resumes.
 */
import type { Analytic } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import { eventTypeOf } from "../../domain/event-type.ts";
import { idFlaw } from "../../domain/id-flaw.ts";
import type { Limits } from "../../domain/limits.ts";
import { CLOSE, Connection, type Dialects } from "../connection.ts";
import type { Arrived, House, SocketRoute } from "../surface.ts";
import { compileWants, type Wanted } from "../wants.ts";
import { eventBody } from "./event.ts";

const dialectsOf = (house: House): Dialects => ({
  plain: {
    present: (alert) => JSON.stringify(eventBody(house, alert)),
    frame: ([data]) => `{"v":2,"data":${data}}`,
    revisions: false,
    most: 1,
  },
  v1: {
    present: (alert) =>
      JSON.stringify({ ...eventBody(house, alert), revision: alert.revision, ...(alert.retracted ? { retracted: true } : {}) }),
    frame: ([data], tenant, at) => `{"v":2,"data":${data},"cursor":${JSON.stringify(house.cursors.tail(tenant, at))}}`,
    revisions: true,
    most: 1,
  },
  envelope: { v: 2 },
});

export const eventSocket = (house: House): SocketRoute["take"] => {
  const dialects = dialectsOf(house);
  return (arrived) => begin(new Connection(house, dialects, arrived), arrived, house.core.limits);
};

const begin = (connection: Connection, { socket, query, caller }: Arrived, limits: Limits): void => {
  socket.on("message", (_, isBinary) => {
    if (isBinary) connection.fail(CLOSE.refused, "", "Nothing is to be sent here, least of all binary.");
  });
  const cameras = query.getAll("camera_id");
  const types = query.getAll("type");
  const fault =
    faultIn("camera_id", cameras, limits) ??
    faultIn("type", types, limits) ??
    (cameras.length + types.length > limits.filterEntries ? { path: "", detail: `names more than ${limits.filterEntries}` } : undefined);
  if (fault !== undefined) connection.fail(CLOSE.refused, fault.path, fault.detail);
  else connection.tell(wantedOf(caller.tenant, cameras, types), connection.heartbeat());
};

const faultIn = (path: string, names: readonly string[], { idLength }: Limits) => {
  const detail = names.map((name) => idFlaw(name, idLength)).find((flaw) => flaw !== undefined);
  return detail === undefined ? undefined : { path, detail };
};

const ANY = "*";
const analytics: readonly Analytic[] = ["fov", "tripwire", "roi"];

/** No camera, no type: all. A type may be any object's, which no key holds; and a camera called `*` is not all of them. */
const wantedOf = (tenant: string, cameras: readonly string[], types: readonly string[]): Wanted => {
  const sensors = cameras.length === 0 ? [ANY] : [...new Set(cameras)];
  const wants = sensors.flatMap((sensor) => analytics.map((analytic) => ({ sensor, analytic, place: ANY, ruleType: ANY })));
  const among = (names: readonly string[]): ((name: string) => boolean) => {
    const known = new Set(names);
    return (name) => known.size === 0 || known.has(name);
  };
  const isCamera = among(cameras);
  const isType = among(types);
  if (types.length === 0 && !cameras.includes(ANY)) return compileWants(tenant, wants);
  return compileWants(tenant, wants, (alert: Alert) => isCamera(alert.camera) && isType(eventTypeOf(alert)));
};
