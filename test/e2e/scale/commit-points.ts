/** Where an engine is killed: all records of a transaction sent; its commit asked for; its commit answered. */
export const commitPoints = ["sent", "committing", "committed"] as const;
export type CommitPoint = (typeof commitPoints)[number];
