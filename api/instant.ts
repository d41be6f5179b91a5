/** Instants at the doors: RFC 3339 with a zone in, milliseconds and Z out. */
import type { Instant } from "../domain/envelope.ts";
import { instantOf } from "../domain/timestamp.ts";

/** Undefined: no RFC 3339 text, one without a zone, or no real date (2021-02-30). */
export const parseInstant = (text: string): Instant | undefined => {
  const at = instantOf(text);
  return typeof at === "number" ? at : undefined;
};

/** `2021-09-16T06:07:00.534Z`. */
export const formatInstant = (at: Instant): string => new Date(at).toISOString();
