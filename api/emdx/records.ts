/** GET /behavior, /frames, /crossings, /stays. */

import * as parameter from "../parameters.ts";
import { unprocessable } from "../problem.ts";
import { PAGE } from "./alerts.ts";
import type { Emdx } from "./emdx.ts";
import * as own from "./parameters.ts";
import { behaviorBody, crossingBody, frameBody, stayBody } from "./present.ts";
import { pageOf, question, rangeOf } from "./question.ts";
import * as schemas from "./schemas.ts";

const range = { fromTimestamp: parameter.from, toTimestamp: parameter.to };

export const recordRoutes = (emdx: Emdx): void => {
  const { ask, limits } = emdx.house.core;
  const ofFrames = { ...range, limit: parameter.limit(limits.pageRows), cursor: parameter.cursor };
  const ofEvents = { ...range, limit: parameter.limit(PAGE), cursor: parameter.cursor };

  question(emdx, {
    path: "/behavior",
    summary: "Where each object was, frame by frame.",
    parameters: { ...ofFrames, objectType: own.objectType },
    answer: schemas.behaviors,
    reads: "frames",
    original: true,
    ask: async (asked, about) => {
      const page = await ask.behavior(about.scope, {
        ...rangeOf(asked),
        ...pageOf(emdx, "/behavior", about, asked),
        types: asked.objectType,
      });
      const { camera } = about.key;
      return {
        body: { behaviors: page.rows.map((track) => behaviorBody(camera, track)) },
        table: {
          columns: ["sensorId", "objectId", "objectType", "at", "x", "y"],
          rows: page.rows.flatMap(({ object, points }) => points.map(([at, x, y]) => [camera, object.id, object.type, at, x, y])),
        },
        empty: page.rows.length === 0,
        more: page.more,
      };
    },
  });

  question(emdx, {
    path: "/frames",
    summary: "Frames as they were observed, in the order of time.",
    parameters: ofFrames,
    answer: schemas.frames,
    reads: "frames",
    original: true,
    ask: async (asked, about) => {
      const page = await ask.frames(about.scope, { ...rangeOf(asked), ...pageOf(emdx, "/frames", about, asked) });
      const frames = page.rows.map(frameBody);
      return {
        body: { frames },
        table: {
          columns: ["sensorId", "timestamp", "frameId", "objectId", "objectType", "leftX", "topY", "rightX", "bottomY", "confidence"],
          // A frame without objects keeps its line: that nobody was there is an observation.
          rows: frames.flatMap(({ sensorId, timestamp, id, objects }) =>
            objects.length === 0
              ? [[sensorId, timestamp, id, ...Array<undefined>(7)]]
              : objects.map(({ bbox, ...object }) => [
                  sensorId,
                  timestamp,
                  id,
                  object.id,
                  object.type,
                  bbox.leftX,
                  bbox.topY,
                  bbox.rightX,
                  bbox.bottomY,
                  object.confidence,
                ]),
          ),
        },
        empty: frames.length === 0,
        more: page.more,
      };
    },
  });

  question(emdx, {
    path: "/crossings",
    summary: "Every crossing of a tripwire, latest first.",
    parameters: { ...ofEvents, tripwireId: parameter.oneId("One tripwire.") },
    answer: schemas.crossings,
    reads: "alerts",
    original: false,
    ask: async (asked, about) => {
      const page = await ask.crossings(about.scope, {
        ...rangeOf(asked),
        ...pageOf(emdx, "/crossings", about, asked),
        tripwireId: asked.tripwireId,
      });
      const crossings = page.rows.map(crossingBody);
      return {
        body: { crossings },
        table: {
          columns: ["sensorId", "tripwireId", "objectId", "objectType", "direction", "at", "confirmedAt", "late"],
          rows: crossings.map((row) => [
            row.sensorId,
            row.tripwireId,
            row.object.id,
            row.object.type,
            row.direction,
            row.at,
            row.confirmedAt,
            row.late,
          ]),
        },
        empty: crossings.length === 0,
        more: page.more,
      };
    },
  });

  question(emdx, {
    path: "/stays",
    summary: "Every stay in a region or in the field of view that overlaps the range, latest first.",
    parameters: { ...ofEvents, roiId: parameter.oneId("One region."), type: own.stayType },
    answer: schemas.stays,
    reads: "alerts",
    original: false,
    ask: async (asked, about) => {
      if (asked.roiId !== undefined && asked.type === "fov") throw unprocessable("roiId", "goes with the type roi");
      const page = await ask.stays(about.scope, {
        ...rangeOf(asked),
        ...pageOf(emdx, "/stays", about, asked),
        analytic: asked.roiId === undefined ? asked.type : "roi",
        placeId: asked.roiId,
      });
      const stays = page.rows.map((stay) => stayBody(about.key.camera, stay));
      return {
        body: { stays },
        table: {
          columns: ["sensorId", "roiId", "objectId", "objectType", "start", "end", "dwell", "reason"],
          rows: stays.map((row) => [row.sensorId, row.roiId, row.object.id, row.object.type, row.start, row.end, row.dwell, row.reason]),
        },
        empty: stays.length === 0,
        more: page.more,
      };
    },
  });
};
