/** A camera's id in a path. */
import { idFlaw } from "../domain/id-flaw.ts";
import type { Documented } from "./parameters.ts";
import { unprocessable } from "./problem.ts";
import { idShape } from "./text.ts";

export const idInPath: Documented = {
  name: "id",
  in: "path",
  required: true,
  description: "The camera.",
  schema: idShape,
};

/** `at`: which segment of the path. Decoded here: hono leaves a name that is no UTF-8 as it came, and `%25` would then name the same camera as `%`. */
export const readIdInPath = (url: string, at: number, most: number): string => {
  const segment = new URL(url).pathname.split("/").at(at) ?? "";
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) throw unprocessable("id", "is not percent-encoded UTF-8");
    throw error;
  }
  const flaw = idFlaw(id, most);
  if (flaw !== undefined) throw unprocessable("id", flaw);
  return id;
};
