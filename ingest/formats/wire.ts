import type { DetectedObject } from "../../domain/event.ts";
import type { Observed } from "../normalise.ts";

/** A frame as native JSON, without line ends: what native.ts reads back as the same frame. */
export const wireOf = ({ sensorId, timestamp, id, modelVersion, objects }: Observed): string =>
  JSON.stringify({
    sensorId,
    timestamp: new Date(timestamp).toISOString(),
    ...(id === "" ? {} : { id }),
    ...(modelVersion === undefined ? {} : { modelVersion }),
    objects: objects.map(wireOfObject),
  });

const wireOfObject = ({ id, type, bbox, confidence, info }: DetectedObject) => ({
  ...(id === "" ? {} : { id }),
  type,
  bbox,
  ...(confidence === undefined ? {} : { confidence }),
  ...(info === undefined ? {} : { info: Object.fromEntries(info) }),
});
