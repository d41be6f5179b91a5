/** Where the crash loop kills: the names of crashing-main.ts. */
export const points = [
  "before-append",
  "after-append",
  "before-commit",
  "after-commit",
  "before-checkpoint",
  "after-checkpoint",
  "before-decision",
  "after-decision",
  "before-bookmark",
  "before-insert",
  "after-insert",
  "after-mark",
  "while-reading",
] as const;
export type Point = (typeof points)[number];
