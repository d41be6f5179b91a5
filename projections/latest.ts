/** Alerts latest end first: looked for backwards in windows, page by page. The same for those of a camera and of a tenant. */
import { LAST } from "./projection.ts";
import type { Page, PageKey } from "./questions.ts";

type Ending = { readonly endTimestamp: number; readonly id: string; readonly retracted: boolean };

/** The rows of names have one start with them: so the range of the starts bounds what is looked through. */
export const ofNames = (starts: string): string => `start >= arrayMin(${starts}) AND start <= arrayMax(${starts})`;

const DAY_MS = 86_400_000;
/** Windows grow eightfold; one beyond this many milliseconds reaches back to the beginning. */
const GROWTH = 8;
const WIDEST_MS = GROWTH ** 4 * DAY_MS;

const isAfter = (row: Pick<Ending, "endTimestamp" | "id">, { at, id }: PageKey): boolean =>
  row.endTimestamp < at || (row.endTimestamp === at && row.id < id);
const keyOf = ({ endTimestamp, id }: Pick<Ending, "endTimestamp" | "id">): PageKey => ({ at: endTimestamp, id });

/** Where to look back from, so many milliseconds at most, for so many rows. */
type Look = { readonly after: PageKey; readonly window: number; readonly room: number };

/**
 * Newest revisions of the names that come next by their end. Only rows no further than the last name may be shown: a newer revision can
 * lie further down, behind names not read yet. `isMore`: there is more in this window.
 */
type Seen<R> = { readonly rows: readonly R[]; readonly last: Pick<Ending, "endTimestamp" | "id"> | undefined; readonly isMore: boolean };

type Asked = { readonly from: number; readonly to: number; readonly limit: number; readonly after: PageKey | undefined };

/** `from` exclusive, `to` inclusive. Text is ordered by its bytes there and by UTF-16 here; ids are UUIDs, where both agree. */
export const listLatest = async <R extends Ending>(
  { from, to, limit, ...asked }: Asked,
  look: (where: Look) => Promise<Seen<R>>,
): Promise<Page<R>> => {
  const rows: R[] = [];
  let after: PageKey = asked.after ?? { at: LAST, id: "" };
  let window = DAY_MS;
  while (rows.length <= limit) {
    const isWhole = window > WIDEST_MS;
    const before = after;
    const { at } = before;
    const seen = await look({ after, window: isWhole ? LAST : window, room: limit + 1 - rows.length });
    if (seen.last !== undefined) {
      const last = keyOf(seen.last);
      const isHere = (row: R): boolean => row.endTimestamp > from && row.endTimestamp <= to && isAfter(row, before) && !isAfter(row, last);
      const fits = seen.rows.filter((row) => !row.retracted && isHere(row));
      rows.push(...fits.sort((a, b) => (isAfter(a, keyOf(b)) ? 1 : -1)));
      after = last;
    }
    if (seen.isMore) continue;
    // Nothing more in this window: the next one is wider, until it has covered what was asked for.
    if (isWhole || Math.min(at, to) - window <= from) break;
    window *= GROWTH;
  }
  const shown = rows.slice(0, limit);
  const end = shown.at(-1);
  return { rows: shown, more: rows.length > limit && end !== undefined ? keyOf(end) : undefined };
};
