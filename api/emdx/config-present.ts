/** A camera's places, settings and rules as emdx shows them. What is shown can be posted again. */
import type { Analytic, Camera, Rule, Tripwire } from "../../domain/camera.ts";
import type { Table } from "./csv.ts";

type Unversioned<T> = T extends { readonly version: number } ? Omit<T, "version"> : never;
const unversioned = <T extends { readonly version: number }>({ version: _, ...rest }: T): Unversioned<T> => rest as Unversioned<T>;

export const tripwireBody = ({ direction, ...tripwire }: Tripwire) => ({
  ...tripwire,
  direction: { p1: direction.p1, p2: direction.p2, entry: { name: direction.entryName }, exit: { name: direction.exitName } },
});

export const tripwiresBody = (camera: Camera, sensorId: string) => ({
  sensorId,
  tripwires: [...camera.tripwires.values()].map((tripwire) => tripwireBody(unversioned(tripwire))),
});

export const roisBody = (camera: Camera, sensorId: string) => ({ sensorId, rois: [...camera.rois.values()].map(unversioned) });

export const sensorBody = ({ settings }: Camera, sensorId: string) => ({ sensorId, reorderMs: settings.reorderMs, fov: settings.fov });

/** `direction`, `schedule` and `attribute` have no default: they are absent where there is none (JSON leaves undefined out). */
export const ruleBody = ({ analytic, placeId, ...rule }: Rule) => ({
  id: placeId,
  type: analytic,
  ...rule,
  parameters: [],
});

export const rulesBody = (camera: Camera, sensorId: string, analytic: Analytic) => ({
  sensorId,
  rules: [...camera.rules.values()].filter((rule) => rule.analytic === analytic).map((rule) => ruleBody(unversioned(rule))),
});

/** One line each, a column for every field that occurs; what is not plain is a cell of JSON. */
export const listTable = (sensorId: string, list: readonly object[]): Table => {
  const columns = [...new Set(list.flatMap((each) => Object.keys(each)))];
  return {
    columns: ["sensorId", ...columns],
    rows: list.map((each) => {
      const fields = new Map<string, unknown>(Object.entries(each));
      return [sensorId, ...columns.map((column) => cell(fields.get(column)))];
    }),
  };
};

const cell = (value: unknown) =>
  value === undefined || typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : JSON.stringify(value);
