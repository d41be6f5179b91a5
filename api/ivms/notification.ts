/**
 * The socket /notification: the tenant's newest alerts, then each as it is raised, one a message. What a client says in text is ignored.
 *
 *   opened -> the newest alerts, the oldest of them first -> what the log holds since the socket was opened -> live -> (closed)
 *
 * With `tallywire.v1` every revision is told, a cursor stands in each message of an alert, and `?since=` resumes: without the newest alerts.
 */
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { CLOSE, Connection } from "../connection.ts";
import * as parameter from "../parameters.ts";
import { toldAgain } from "../replay-parameters.ts";
import { type Desk, declareSocket } from "../route.ts";
import type { Arrived, SocketRoute } from "../surface.ts";
import { compileWants } from "../wants.ts";
import { CLOSED, OPENED } from "./notification-present.ts";
import { type Entered, Room } from "./notification-room.ts";
import { plainMessage, v1Message } from "./notification-schema.ts";

type NotificationOptions = {
  readonly bases: readonly string[];
  /** The IANA name of the zone of `eventTime`. */
  readonly zone: string;
  /** What addresses begin with; undefined: as the socket was opened by. */
  readonly publicUrl: string | undefined;
};

const PATH = "/notification";

/** Declares it in the document of the desk, and returns where it is served. */
export const notification = (desk: Desk, { bases, zone, publicUrl }: NotificationOptions): SocketRoute => {
  const room = new Room(desk.house, zone);
  return declareSocket(desk, {
    bases,
    path: PATH,
    scope: "events:read",
    summary: "The newest alerts of the tenant, then each as it is raised.",
    parameters: { ...toldAgain, token: parameter.token },
    says: { plain: { name: "NotificationMessage", schema: plainMessage }, v1: { name: "NotificationMessageV1", schema: v1Message } },
    take: (arrived) => begin(room.enter(arrived, publicUrl ?? originOf(arrived.request)), arrived),
  });
};

/** Undefined where the client named no host that could be one. */
const originOf = ({ headers, socket }: IncomingMessage): string | undefined =>
  URL.parse(`${socket instanceof TLSSocket ? "https" : "http"}://${headers.host ?? ""}`)?.origin;

const begin = ({ house, dialects, newest }: Entered, arrived: Arrived): void => {
  const { socket, caller } = arrived;
  socket.on("parting", () => socket.send(CLOSED));
  socket.send(OPENED);
  /** The revisions told as the newest, by id. The warehouse may have them before we hear of them. */
  const shown = new Map<string, number>();
  const connection = new Connection(house, dialects, arrived, async () => {
    const alerts = await newest();
    for (const { id, revision } of alerts) shown.set(id, revision);
    return alerts;
  });
  socket.on("message", (_, isBinary) => {
    if (isBinary) connection.fail(CLOSE.refused, "", "Nothing is to be sent here, least of all binary.");
  });
  const wants = (["fov", "tripwire", "roi"] as const).map((analytic) => ({ sensor: "*", analytic, place: "*", ruleType: "*" }));
  connection.tell(
    compileWants(caller.tenant, wants, ({ id, revision }) => revision > (shown.get(id) ?? -1)),
    connection.heartbeat(),
  );
};
