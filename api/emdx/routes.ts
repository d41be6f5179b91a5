/**
 * emdx, base /api/v2.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Under each stands the file under
 * test/ and the title of the test that locks it.
 *
 * - Nothing found is 200 with an empty list; strict makes it 422.
 *   surfaces/emdx: "say 422 for nothing found where strict, 200 otherwise"
 * - A sensor is asked for by exactly one sensorId; fromTimestamp and toTimestamp, "mandatory" in the document, may both be left out.
 *   surfaces/emdx: "end now where no end is given"
 * - `/alerts` takes the ends of alerts: from < endTimestamp <= to.
 *   surfaces/examples: "take an end later than fromTimestamp, not the start, as the criterion"
 * - The older version under /api is not served: 404, which names the newer path.
 *   surfaces/emdx: "name the newer path where the older version is called"
 * - `status` of an error is a number, where the document shows a text.
 *   surfaces/examples: "the example of an error has the fields of the document, its status a number"
 * - `direction` is absent, not null, where there is none.
 *   surfaces/emdx: "leave direction out where there is none, and name tripwires"
 * - `duration` is end - start, whatever the document's examples say; object ids go out as strings.
 *   surfaces/emdx: "are shown as the document shows them"
 * - A threshold switch names no objects; for fov its attributes are empty.
 *   surfaces/emdx: "name nobody on a threshold switch"
 * - `enter` is accepted for `entry`. timeInterval, countThreshold and direction are accepted with every rule type and dropped where
 *   they mean nothing. Both spellings are accepted, snake_case and camelCase.
 *   surfaces/emdx: "takes rules in both spellings, with parameters as name and value, and enter for entry"
 * - DELETE /config/roi takes tripwireId for roiId.
 *   surfaces/emdx: "is removed by id, a region also by tripwireId"
 * - A place's name may be left out and is then its id.
 *   surfaces/emdx: "is answered as GET answers it, defaults filled in, with a position that can be waited for"
 * - A "+" of an offset that was not percent-encoded arrives as a space and is read as "+".
 *   surfaces/emdx: "are asked in both spellings, with an offset, and unknown parameters are ignored"
 * - Histograms list every bucket, empty ones too, and cut the first and last to the range.
 *   surfaces/emdx: "in buckets list every bucket, empty ones too, aligned to the epoch and cut to the range"
 * - With countMode=distinct each tripwire, and each of its buckets, also has `distinctObjects` beside `events`: objects that crossed in
 *   either direction at least once, in CSV the direction `either`. The other modes do not have it.
 *   surfaces/counts: "of distinct objects say beside entries and exits who crossed in either direction"
 *   e2e/emdx: "are at least those of each direction and fewer than both together, and are those of the crossings"
 * - A position, cursor or page mark is sealed: it does not tell how much other tenants write.
 *   surfaces/cursor: "tell nothing of the offsets in them: one more is another text altogether"
 * - A cursor of a version that did not seal them is answered with a gap, a position or page mark of it with 422.
 *   surfaces/socket: "tells a gap for an earlier version's cursor, whatever it says, and then what is live"
 *   surfaces/emdx: "with a position or page mark of an earlier version or of another log are 422, and say so"
 * - `asOf` on what follows from facts asks what was known then: at an instant (what had followed from what arrived by then), before a
 *   socket's cursor, or at the position of a write, which is the instant at which that arrived in the sensor's partition: what arrived in
 *   the same millisecond is known too. A revision that came later is not seen, an alert retracted later is there. What retention or a
 *   deletion took (`deleteIfPresent`) is not there again. As of a cursor, time and open stays go as far as was told: of frames it says nothing.
 *   surfaces/as-of: "as the position of a write is the arrival of what was written, in the partition of the sensor"
 *   surfaces/as-of: "that cannot be told exactly is 422, and says why"
 *   conformance/as-of: "alerts are those known then: a later revision is not seen, one retracted later is there"
 * - Work that takes its time is a job: asked for by POST (202), looked at, cancelled by DELETE, which leaves one that has ended as it is. What
 *   is shown of a job's wish can be posted again.
 *   surfaces/jobs: "can be asked for again by what is shown of it"
 *   surfaces/jobs: "is cancelled by DELETE, and once it has ended stays as it is"
 * - A page of what a backtest found may have fewer rows than its limit though there are more: the link says so.
 *   surfaces/jobs: "comes page by page, none lost and none twice, and each page looks through so many rows and no more"
 * - /jobs/ws tells a caller of the jobs he may ask for: of recomputations with cameras:write, of what operators do with ops.
 *   surfaces/jobs: "tells first those under way, then each as it changes"
 * - The socket's filter is not optional: without one within 5 s it is closed with 4408.
 *   surfaces/socket: "is closed with 4408 where no filter comes in time"
 * - A plain socket gets revision 0 of an alert only.
 *   surfaces/socket: "is sent revision 0 only, tallywire.v1 each"
 * - A socket's path asked without an upgrade is 426.
 *   surfaces/hostile: "gets no upgrade where there is no socket, and is told where one is"
 * - A cursor ahead of the log (an older copy of it was put back) is answered with a gap.
 *   surfaces/hostile: "with a cursor ahead of the log, of which an older copy was put back, are told a gap"
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "../env.ts";
import * as parameter from "../parameters.ts";
import { problemOf, problemResponse } from "../problem.ts";
import { toldAgain } from "../replay-parameters.ts";
import { declareSecurity, declareSocket, documentOf } from "../route.ts";
import type { House, Surface } from "../surface.ts";
import { alertRoutes } from "./alerts.ts";
import { backtestRoutes } from "./backtest-results.ts";
import { configRoutes } from "./config.ts";
import { countRoutes } from "./counts.ts";
import { createEmdx } from "./emdx.ts";
import { filter } from "./filter.ts";
import { ingestRoutes } from "./ingest.ts";
import { jobRoutes } from "./jobs.ts";
import { jobMessage, jobMessageV1 } from "./jobs-schemas.ts";
import { jobSocket } from "./jobs-socket.ts";
import { recordRoutes } from "./records.ts";
import { replayRoute } from "./replay.ts";
import { plainMessage, v1Message } from "./schemas.ts";
import { alertSocket } from "./socket.ts";

const bases = ["/api/v2", "/emdx/api/v2"];
/** Of the socket beside them: where it stood before. */
const oldBases = ["/ws-emdx/api/v2"];

export const emdx = (house: House, options: { readonly tenant: string; readonly strict: boolean }): Surface => {
  const routes = new OpenAPIHono<Env>();
  routes.onError((error, c) => problemResponse(problemOf(house, error, c.req.path)));
  const surface = createEmdx(house, routes, options);
  declareSecurity(surface);
  alertRoutes(surface);
  countRoutes(surface);
  recordRoutes(surface);
  configRoutes(surface);
  ingestRoutes(surface);
  jobRoutes(surface);
  backtestRoutes(surface);
  replayRoute(surface);
  const socket = declareSocket(surface, {
    bases: [...bases, ...oldBases],
    path: "/alerts/ws",
    scope: "events:read",
    summary: "Alerts as they are raised, to whom their filter concerns.",
    parameters: { filter: parameter.filter, ...toldAgain, token: parameter.token },
    says: { plain: { name: "AlertMessage", schema: plainMessage }, v1: { name: "AlertMessageV1", schema: v1Message } },
    hears: { name: "AlertFilter", schema: filter },
    take: alertSocket(house),
  });
  const jobs = declareSocket(surface, {
    bases,
    path: "/jobs/ws",
    scope: "events:read",
    summary: "Jobs as they change; first those under way.",
    parameters: { token: parameter.token },
    says: { plain: { name: "JobMessage", schema: jobMessage }, v1: { name: "JobMessageV1", schema: jobMessageV1 } },
    take: jobSocket(house),
  });
  const name = "emdx";
  const description =
    "Alerts, counts and configuration. The sockets are at /alerts/ws and /jobs/ws. A process may have a part of the roles only: 421 names the one that serves a path.";
  return { name, bases, routes, sockets: [socket, jobs], document: documentOf(surface, { name, description, bases }) };
};
