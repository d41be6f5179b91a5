/** The latest alerts of a tenant, over all its cameras. The table is that of alerts.ts. */
import type { Alert } from "../domain/event.ts";
import type { Param } from "../domain/ports.ts";
import { type AlertRow, alertOf, COLUMNS, DAY_MS, isAfter, latestFirst, ofNames, WIDEST_MS } from "./alerts.ts";
import { FIRST, LAST } from "./projection.ts";
import type { Page, PageKey, Questions } from "./questions.ts";
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
const namesOf = (whose: string): string => `
WITH (SELECT max(endTimestamp) FROM alerts WHERE ${whose}) AS newest
SELECT camera, start, id, endTimestamp, analytic, placeId, placeEpoch FROM alerts
WHERE ${whose} AND endTimestamp > greatest({from:Int64}, least({at:Int64}, newest) - {window:Int64})
  AND endTimestamp <= {at:Int64} AND (endTimestamp, id) < ({at:Int64}, {id:String}) AND ${isMaybe("eventType", "type")}
  AND (empty({deletedPlaces:Array(String)}) OR placeEpoch >= arrayElement({epochs:Array(Int64)}, 1 + indexOf(
    arrayZip({deletedCameras:Array(String)}, {deletedPlaces:Array(String)}), (toString(camera), concat(analytic, '/', placeId)))))
ORDER BY endTimestamp DESC, id DESC LIMIT {names:UInt32}`;
const NAMES_OF_TENANT = namesOf(OF_TENANT);
const NAMES_OF_CAMERA = namesOf(OF_CAMERA);

/** Of those the newest revisions. */
const NEWEST = `
SELECT ${COLUMNS}, eventType FROM alerts
WHERE ${OF_TENANT} AND camera IN {cameras:Array(String)} AND ${ofNames("{starts:Array(Int64)}")}
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

/** As with the alerts of a camera, only what lies no further than the last name may be shown. */
export const listEvents = async (reader: Reader, asked: Asked): Promise<Page<Alert>> => {
  const { since, camera, type, limit } = asked;
  const from = since === undefined ? FIRST : since - 1;
  const epochs = createEpochs(asked.epochsOf);
  if (camera !== undefined) await epochs.meet([camera]);

  const newest = async (names: readonly Name[], before: PageKey, last: PageKey): Promise<readonly AlertRow[]> => {
    if (names.length === 0) return [];
    const rows = await reader.select<AlertRow & { readonly eventType: string }>(NEWEST, {
      cameras: names.map((name) => name.camera),
      starts: names.map(({ start }) => start),
      ids: names.map(({ id }) => id),
    });
    const isHere = (row: AlertRow): boolean => isAfter(row, before.at, before.id) && !isAfter(row, last.at, last.id);
    return rows.filter((row) => !row.retracted && row.endTimestamp > from && (type === undefined || row.eventType === type) && isHere(row));
  };

  const rows: AlertRow[] = [];
  let after: PageKey = asked.after ?? { at: LAST, id: "" };
  let window = DAY_MS;
  let most = limit + 1;
  while (rows.length <= limit) {
    const isWhole = window > WIDEST_MS;
    const { at, id } = after;
    const found = await reader.select<Name>(camera === undefined ? NAMES_OF_TENANT : NAMES_OF_CAMERA, {
      ...(camera === undefined ? {} : { camera }),
      ...maybe("type", type),
      ...epochs.params(),
      from,
      at,
      id,
      window: isWhole ? LAST : window,
      names: most,
    });
    await epochs.meet(found.map((name) => name.camera));
    const room = limit + 1 - rows.length;
    const kept = found.filter(epochs.isCurrent);
    const names = kept.slice(0, room);
    // Those that there is no room for are read again, if they are wanted at all.
    const last = kept.length > room ? names.at(-1) : found.at(-1);
    if (last !== undefined) {
      const until = { at: last.endTimestamp, id: last.id };
      rows.push(...(await newest(names, after, until)).toSorted(latestFirst));
      after = until;
    }
    if (kept.length > room) continue;
    if (found.length === most) {
      most = Math.min(MORE * most, Math.max(MOST_NAMES, limit + 1));
      continue;
    }
    // Nothing more in this window: the next one is wider, until it has covered what was asked for.
    if (isWhole || at - window <= from) break;
    window *= 8;
  }
  const shown = rows.slice(0, limit);
  const end = shown.at(-1);
  return { rows: shown.map(alertOf), more: rows.length > limit && end !== undefined ? { at: end.endTimestamp, id: end.id } : undefined };
};
