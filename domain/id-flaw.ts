/** What a text may be wherever one comes from outside, and what an id: of a camera, a place, a rule, a type, a tenant. */
import { limits } from "./limits.ts";

/** Undefined: none. `most` in UTF-16 units, as texts are counted here. NUL parts ids in keys; half a surrogate pair has no UTF-8 form. */
export const textFlaw = (text: string, most: number): string | undefined => {
  if (text.length > most) return `is longer than ${most} characters`;
  if (text.includes("\0")) return "must not hold NUL";
  return text.isWellFormed() ? undefined : "holds half a surrogate pair";
};

/** Likewise; an id is not empty either. */
export const idFlaw = (text: string, most: number = limits.idLength): string | undefined =>
  text === "" ? "must not be empty" : textFlaw(text, most);
