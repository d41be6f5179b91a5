/** The latest alerts of a tenant, over all its cameras. The table is that of alerts.ts. */
import type { Alert } from "../domain/event.ts";
import type { Param } from "../domain/ports.ts";
import { type AlertRow, alertOf, COLUMNS } from "./alerts.ts";
import { asOfParams, type Seen, seenBy } from "./as-of.ts";
import { listLatest, ofNames } from "./latest.ts";
import { FIRST, LAST } from "./projection.ts";
import type { Page, Questions } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { isMaybe, maybe, OF_CAMERA, OF_TENANT } from "./scope.ts";

type Asked = Parameters<Questions["events"]>[1];
type Name = Pick<AlertRow, "camera" | "start" | "id" | "endTimestamp" | "analytic" | "placeId" | "placeEpoch">;
type Epochs = ReadonlyMap<string, number>;

/** Names read in one go, at most: where many alerts of deleted histories lie before the next that is shown. */
const MOST_NAMES = 10_000;
/** So much more is read in the next go where one gave too few. */
const MORE = 4;

/**
 * The names of the rows that come next by their end, from the engine's second orders of the table alone (alerts.ts): a page looks back
 * from the newest end a `window` at a time. Places whose history is known to be deleted are passed over.
 */
const namesOf = (whose: string, { derived }: Seen): string => `
WITH (SELECT max(endTimestamp) FROM alerts WHERE ${whose}${derived}) AS newest
SELECT camera, start, id, endTimestamp, analytic, placeId, placeEpoch FROM alerts
WHERE ${whose}${derived} AND endTimestamp > greatest({from:Int64}, least({at:Int64}, newest) - {window:Int64})
  AND endTimestamp <= {at:Int64} AND (endTimestamp, id) < ({at:Int64}, {id:String}) AND ${isMaybe("eventType", "type")}
  AND (empty({deletedPlaces:Array(String)}) OR placeEpoch >= arrayElement({epochs:Array(Int64)}, 1 + indexOf(
    arrayZip({deletedCameras:Array(String)}, {deletedPlaces:Array(String)}), (toString(camera), concat(analytic, '/', placeId)))))
ORDER BY endTimestamp DESC, id DESC LIMIT {names:UInt32}`;

/** Of those the newest revisions. */
const newestOf = ({ derived }: Seen): string => `
SELECT ${COLUMNS}, eventType FROM alerts
WHERE ${OF_TENANT}${derived} AND camera IN {cameras:Array(String)} AND ${ofNames("{starts:Array(Int64)}")}
  AND (camera, start, id) GLOBAL IN (
    SELECT tupleElement(name, 1), tupleElement(name, 2), tupleElement(name, 3)
    FROM (SELECT arrayJoin(arrayZip({cameras:Array(String)}, {starts:Array(Int64)}, {ids:Array(String)})) AS name)
  )
ORDER BY camera, start, id, revision DESC, position
LIMIT 1 BY camera, start, id`;

/** The epochs of the cameras met so far. Of the places of others nothing is known yet. */
const createEpochs = (epochsOf: Asked["epochsOf"]) => {
  const known = new Map<string, Epochs>();
  return {
    meet: async (cameras: Iterable<string>): Promise<void> => {
      const fresh = [...new Set(cameras)].filter((camera) => !known.has(camera));
      const epochs = await Promise.all(fresh.map(epochsOf));
      for (const [i, camera] of fresh.entries()) known.set(camera, epochs[i] as Epochs);
    },
    isCurrent: ({ camera, analytic, placeId, placeEpoch }: Name): boolean =>
      placeEpoch >= (known.get(camera)?.get(`${analytic}/${placeId}`) ?? 0),
    params: (): Readonly<Record<string, Param>> => {
      const deleted = [...known].flatMap(([camera, epochs]) =>
        [...epochs].filter(([, epoch]) => epoch > 0).map(([place, epoch]) => ({ camera, place, epoch })),
      );
      return {
        deletedCameras: deleted.map(({ camera }) => camera),
        deletedPlaces: deleted.map(({ place }) => place),
        epochs: [0, ...deleted.map(({ epoch }) => epoch)],
      };
    },
  };
};

export const listEvents = async (reader: Reader, asked: Asked): Promise<Page<Alert>> => {
  const { since, camera, type, limit, asOf } = asked;
  const seen = seenBy(asOf);
  const from = since === undefined ? FIRST : since - 1;
  const epochs = createEpochs(asked.epochsOf);
  if (camera !== undefined) await epochs.meet([camera]);

  const newest = async (names: readonly Name[]): Promise<readonly AlertRow[]> => {
    if (names.length === 0) return [];
    const rows = await reader.select<AlertRow & { readonly eventType: string }>(newestOf(seen), {
      ...asOfParams(asOf),
      cameras: names.map((name) => name.camera),
      starts: names.map(({ start }) => start),
      ids: names.map(({ id }) => id),
    });
    return rows.filter((row) => type === undefined || row.eventType === type);
  };

  let most = limit + 1;
  const page = await listLatest<AlertRow>({ from, to: LAST, limit, after: asked.after }, async ({ after, window, room }) => {
    const found = await reader.select<Name>(namesOf(camera === undefined ? OF_TENANT : OF_CAMERA, seen), {
      ...asOfParams(asOf),
      ...(camera === undefined ? {} : { camera }),
      ...maybe("type", type),
      ...epochs.params(),
      from,
      ...after,
      window,
      names: most,
    });
    await epochs.meet(found.map((name) => name.camera));
    const kept = found.filter(epochs.isCurrent);
    const names = kept.slice(0, room);
    // Those that there is no room for are read again, if they are wanted at all.
    const isCut = kept.length > room;
    const isFull = found.length === most;
    if (isFull && !isCut) most = Math.min(MORE * most, Math.max(MOST_NAMES, limit + 1));
    return { rows: await newest(names), last: isCut ? names.at(-1) : found.at(-1), isMore: isCut || isFull };
  });
  return { ...page, rows: page.rows.map(alertOf) };
};
