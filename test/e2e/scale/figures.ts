/** Milliseconds as a reader wants them. */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
export const greatest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
export const spread = (values: readonly number[]): string =>
  values.length === 0 ? "none" : `p50 ${Math.round(median(values))} ms, most ${Math.round(greatest(values))} ms`;
