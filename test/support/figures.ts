/** Of many measured values those that are told. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
};

/** Of an even number of them what lies between the middle two. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  return ((sorted[(n - 1) >> 1] ?? Number.NaN) + (sorted[n >> 1] ?? Number.NaN)) / 2;
};

export const greatest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);

/** Milliseconds, as a reader wants them. */
export const spread = (values: readonly number[]): string =>
  values.length === 0 ? "none" : `p50 ${Math.round(median(values))} ms, most ${Math.round(greatest(values))} ms`;
