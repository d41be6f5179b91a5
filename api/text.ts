/** Texts and ids as surfaces take them. */
import { z } from "@hono/zod-openapi";
import { idFlaw, textFlaw } from "../domain/id-flaw.ts";
import { limits } from "../domain/limits.ts";

const without = (flawOf: (text: string) => string | undefined) =>
  z.string().superRefine((text, told) => {
    const flaw = flawOf(text);
    if (flaw !== undefined) told.addIssue(flaw);
  });

export const text = (most: number) => without((given) => textFlaw(given, most)).openapi({ maxLength: most });

const bounds = { minLength: 1, maxLength: limits.idLength };
/** Of a path and of a query, as documents say it. */
export const idShape = { type: "string", ...bounds } as const;
/** Of a body. */
export const id = without((given) => idFlaw(given)).openapi(bounds);
