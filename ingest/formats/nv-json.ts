/**
 * Where the canonical proto3 JSON of nv.Frame differs from the native shape: floats may be text ("NaN", "Infinity", "12.5"),
 * null is the default, and what is zero is left out. NaN and infinities are read, and then refused as boxes always are; so is a
 * coordinate that is null, which is what JavaScript makes of NaN and would put the object at the picture's edge.
 */
import type { Box } from "../../domain/event.ts";
import { boxOf, type Rejection, reject } from "../normalise.ts";
import type { Loose } from "./frame.ts";

const COORDINATES = ["leftX", "topY", "rightX", "bottomY"];
const NUMBER_TEXT = /^-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)$|^NaN$/;

/** A number written as text becomes one; anything else is handed on as it came. */
export const canonicalNumber = (value: unknown): unknown => (typeof value === "string" && NUMBER_TEXT.test(value) ? Number(value) : value);

/** A coordinate may be missing only beside nothing but coordinates: a box of another shape (`width`, `x1`) is no box of zeros. */
export const canonicalBox = (value: Loose): Box | Rejection => {
  const empty = COORDINATES.find((name) => value[name] === null);
  if (empty !== undefined) return reject("box", `bbox.${empty}`, "is null, so not finite");
  const missing = COORDINATES.filter((name) => value[name] === undefined);
  if (missing.length > 0) {
    const strange = Object.keys(value).find((name) => !COORDINATES.includes(name));
    if (strange !== undefined) return reject("box", "bbox", `lacks ${missing.join(", ")}`);
  }
  const coordinate = (name: string): unknown => canonicalNumber(value[name] ?? 0);
  return boxOf(coordinate("leftX"), coordinate("topY"), coordinate("rightX"), coordinate("bottomY"), "bbox");
};
