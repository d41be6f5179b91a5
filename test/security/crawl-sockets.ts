/** Every socket of the documents: opened as one tenant, while what the other sends raises alerts at cameras of the same ids. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Loose } from "../support/surface.ts";
import type { Crawler } from "./crawler.ts";
import type { Operation } from "./documents.ts";
import { ended, positionOf } from "./furnish.ts";
import { framesOf, jobsOf, own, ownIds, shared } from "./mirror.ts";

const V1 = "tallywire.v1";
const everything = (sensorId: string): string =>
  JSON.stringify([
    {
      sensorId,
      tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
      rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
      fov: { alertRuleTypes: ["*"] },
    },
  ]);

type Peer = ReturnType<typeof connect> & {
  readonly name: string;
  readonly operation: Operation;
  readonly mayHear: boolean;
  readonly sent: readonly string[];
};

/** `query`: beside the token. `cameras`: whose alerts are wanted; `undefined`: all. */
const open = (
  crawler: Crawler,
  operation: Operation,
  base: string,
  protocols: string[],
  camera: string | undefined,
  since?: string,
): ReturnType<typeof connect> => {
  const query = new URLSearchParams({ token: crawler.token });
  for (const { name } of operation.parameters) {
    if (name === "filter") query.set(name, everything(camera ?? "*"));
    if (name === "camera_id" && camera !== undefined) query.set(name, camera);
    if (name === "since" && since !== undefined) query.set(name, since);
  }
  return connect(`${crawler.server.url}${base}${operation.path}?${query}`, protocols);
};

export const isSocket = ({ protocols }: Operation): boolean => protocols !== undefined;

/** Alerts, from a cursor on; other sockets tell of jobs. */
const tellsAlerts = ({ parameters }: Operation): boolean => parameters.some(({ name }) => name === "since");

/** The first cursor that each socket of alerts gives its tenant. */
export const cursorsOf = async (crawler: Crawler, operations: readonly Operation[]): Promise<readonly string[]> => {
  const cursors: string[] = [];
  for (const operation of operations.filter(isSocket).filter(tellsAlerts)) {
    const peer = open(crawler, operation, operation.bases[0] ?? "", [V1], undefined);
    await peer.until(() => peer.messages.length > 0);
    cursors.push(String(peer.messages[0].cursor));
    peer.socket.close();
    await peer.closed;
  }
  return cursors;
};

/** How long a message of the other's would have, after one's own came that was sent later. */
const SETTLED_MS = 300;

const isAlert = (message: Loose): boolean =>
  message.data !== undefined || message.alerts?.length > 0 || message.eventDetails1 !== undefined;
const isTold = ({ operation, messages }: Pick<Peer, "operation" | "messages">): boolean =>
  messages.some((message) => (tellsAlerts(operation) ? isAlert(message) : message.job !== undefined));
/** Whether one can ask for the alerts of some cameras only. */
const isNarrowed = ({ parameters }: Operation): boolean => parameters.some(({ name }) => name === "filter" || name === "camera_id");

/** `begin`: when the frames are, later than all before. Gives the positions of these: one's own, and the other's. */
export const crawlSockets = async (
  crawler: Crawler,
  other: Crawler,
  {
    operations,
    begin,
    othersCursors,
  }: { readonly operations: readonly Operation[]; readonly begin: number; readonly othersCursors: readonly string[] },
): Promise<{ readonly own: string | undefined; readonly others: string | undefined }> => {
  const sockets = operations.filter(isSocket);
  const foreignIds = ownIds(other.tenant);
  const peers = sockets.flatMap((operation) =>
    operation.bases.flatMap((base) =>
      [[], [V1]].flatMap((protocols) =>
        [undefined, shared.camera, own(other.tenant, "cam")].map(
          (camera): Peer => ({
            ...open(crawler, operation, base, protocols, camera),
            name: `WS ${base}${operation.path} (${protocols.join() || "plain"}, ${camera ?? "all cameras"})`,
            operation,
            mayHear: camera !== own(other.tenant, "cam") || !isNarrowed(operation),
            sent: camera !== undefined && foreignIds.includes(camera) ? [camera] : [],
          }),
        ),
      ),
    ),
  );
  await Promise.all(peers.map(({ opened }) => opened));
  // The other's first: when one's own have come, the other's would have too.
  const see = async (as: Crawler): Promise<string | undefined> => {
    const headers = { authorization: `Bearer ${as.token}`, "content-type": "application/json" };
    // What becomes of it is told in the audit: it is waited for, since that is compared.
    for (const job of jobsOf(as.tenant).slice(0, 1)) await ended(as, await as.ask("emdx", { ...job, headers }));
    return positionOf(await as.ask("emdx", { ...framesOf(as.tenant, begin), headers }));
  };
  const others = await see(other);
  const mine = await see(crawler);
  for (const peer of peers.filter(({ mayHear }) => mayHear))
    await peer.until(() => isTold(peer)).catch((cause: Error) => Promise.reject(new Error(`${peer.name}: ${cause.message}`, { cause })));
  await sleep(SETTLED_MS);
  for (const { name, operation, messages, mayHear, sent, socket } of peers) {
    for (const message of messages) crawler.hear(operation.surface, name, message, sent);
    if (!mayHear && messages.some(isAlert)) crawler.found.faults.push(`${name}: is told alerts of a camera that this tenant does not have`);
    socket.close();
  }
  await Promise.all(peers.map(({ closed }) => closed));
  await refuseOthersCursors(crawler, sockets, othersCursors);
  return { own: mine, others };
};

/** A cursor of the other tenant is refused as one that nobody was given; so is one's own, without the subprotocol. */
const refuseOthersCursors = async (crawler: Crawler, sockets: readonly Operation[], cursors: readonly string[]): Promise<void> => {
  for (const operation of sockets.filter(tellsAlerts))
    for (const base of operation.bases)
      for (const since of cursors) {
        const peer = open(crawler, operation, base, [V1], undefined, since);
        const { code, reason } = await peer.closed;
        for (const message of peer.messages) crawler.hear(operation.surface, `WS ${base}${operation.path} since`, message, [since]);
        if (code !== 4400) crawler.found.faults.push(`WS ${base}${operation.path}: a foreign cursor closes it with ${code} ${reason}`);
      }
};
