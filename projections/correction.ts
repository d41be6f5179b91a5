/** What recomputations said of rows: of one thing the highest revision is the truth, and a repeat of it is the one with the lowest position. */
import type { Correction } from "../domain/event.ts";

/** Rows from before there were any have the defaults. Nearly all are of revision 0, so the index finds the others without reading these. */
export const CORRECTION = `
  revision Int64 DEFAULT 0 CODEC(ZSTD), retracted Bool DEFAULT false`;
export const BY_REVISION = "INDEX byRevision revision TYPE minmax GRANULARITY 1";

/** argMin by this is the truth. */
export const TRUTH = "(-revision, position)";

export const correctionRow = ({ correction }: { readonly correction?: Correction | undefined }) => ({
  revision: correction?.revision ?? 0,
  retracted: correction?.retracted ?? false,
});
export const correctionOf = ({ revision, retracted }: Correction): Correction | undefined =>
  revision === 0 ? undefined : { revision, retracted };
