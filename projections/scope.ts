/** Parts of questions: whose rows, which range, which types, where the page before ended. */
import type { Param } from "../domain/ports.ts";
import { asOfParams } from "./as-of.ts";
import { FIRST, LAST } from "./projection.ts";
import type { Page, PageKey, Range, Scope, Types } from "./questions.ts";

type Params = Readonly<Record<string, Param>>;

export const OF_TENANT = "tenant = {tenant:String}";
export const OF_CAMERA = "tenant = {tenant:String} AND camera = {camera:String}";

/** Rows from before a place's history was deleted are left out. The first epoch, 0, is that of places the camera says nothing of. */
export const OF_EPOCH =
  "(empty({places:Array(String)}) OR placeEpoch >= arrayElement({epochs:Array(Int64)}, 1 + indexOf({places:Array(String)}, concat(analytic, '/', placeId))))";

/** The tenant is the reader's to give. */
export const scopeParams = ({ camera, epochs, asOf }: Omit<Scope, "tenant">): Params => ({
  camera,
  places: [...epochs.keys()],
  epochs: [0, ...epochs.values()],
  ...asOfParams(asOf),
});

export const cameraParams = ({ camera, asOf }: Pick<Scope, "camera" | "asOf">): Params => ({ camera, ...asOfParams(asOf) });
export const rangeParams = ({ from, to }: Range): Params => ({ from: from ?? FIRST, to: to ?? LAST });

/** An absent filter is "any": the flag says so, the value is then not looked at. */
export const maybe = (name: string, value: string | undefined): Params => ({ [`any_${name}`]: value === undefined, [name]: value ?? "" });
export const isMaybe = (column: string, name: string): string => `({any_${name}:Bool} OR ${column} = {${name}:String})`;

/** All types together are "*"; an object whose own type is called so is counted there once. */
export const TYPES_OF = (column: string): string => `arrayJoin(if(${column} = '*', ['*'], ['*', ${column}]))`;
export const IS_ASKED_TYPE = "(type = '*' OR {every_type:Bool} OR has({types:Array(String)}, type))";
export const typeParams = (types: Types): Params => ({
  every_type: types === "every",
  types: types === undefined || types === "every" ? [] : types,
});

/**
 * Where several rows share an instant and an id, a page's key carries all it takes to go on between them: `id` is then a JSON array.
 * Any other text is an id by itself: the page goes on after the last row of that id.
 */
export const keyOf = (at: number, parts: readonly string[]): PageKey => ({ at, id: JSON.stringify(parts) });
export const keyParts = (id: string, length: number): readonly string[] => {
  const alone = [id, ...Array<string>(length - 1).fill("")];
  if (!id.startsWith("[")) return alone;
  try {
    const parts: unknown = JSON.parse(id);
    const fits = Array.isArray(parts) && parts.length === length && parts.every((part) => typeof part === "string");
    return fits ? parts : alone;
  } catch {
    return alone;
  }
};

/** One row more than the limit was asked for: it says whether there is a next page, and is not shown. */
export const pageOf = <R, T>(rows: readonly R[], limit: number, show: (row: R) => T, key: (row: R) => PageKey): Page<T> => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown.map(show), more: rows.length > limit && last !== undefined ? key(last) : undefined };
};
