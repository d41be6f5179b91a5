/** Where the rows of results are kept. */
import type { Json } from "../domain/envelope.ts";

export type Results = {
  /** `number` is the first one's. What is written under a higher `turn` replaces what has the same number; the same turn again writes nothing. Throws AdapterError. */
  write(of: { readonly tenant: string; readonly job: string; readonly turn: number }, number: number, rows: readonly Json[]): Promise<void>;
  /** In [from, to), those that are there, in their order. Throws AdapterError. */
  read(of: { readonly tenant: string; readonly job: string }, from: number, to: number): Promise<readonly Json[]>;
};
