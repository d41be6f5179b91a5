/** A camera's id in a path. */
import { limits } from "../domain/limits.ts";
import type { Documented } from "./parameters.ts";
import { unprocessable } from "./problem.ts";

export const idInPath: Documented = {
  name: "id",
  in: "path",
  required: true,
  description: "The camera.",
  schema: { type: "string", minLength: 1, maxLength: limits.idLength },
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
  if (id.includes("\0") || id.length > most) throw unprocessable("id", "contains NUL or is too long");
  return id;
};
