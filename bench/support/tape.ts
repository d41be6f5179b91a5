/**
 * Frames without end, as request bodies: walkers walk a tape forth and back, so that nobody ever jumps, while timestamps and ids
 * go on. Only those digits are written anew, so that whoever sends costs little.
 */
import { walkers } from "../walkers.ts";

export const SENSORS = 100;
const TICKS = 200;
const ID_DIGITS = 9;
const NO_ID = "0".repeat(ID_DIGITS);
const NO_TIME = "0000-00-00T00:00:00.000Z";

export const sensorName = (sensor: number): string => `cam-${String(sensor).padStart(3, "0")}`;

type Line = { readonly bytes: Buffer; readonly time: number; readonly id: number };

export type TapeOptions = {
  /** Epoch ms of the first tick. */
  readonly start: number;
  readonly stepMs: number;
};

export type Tape = {
  /** The sensor's next frame as one line of NDJSON, valid until it is asked for the sensor's next one. `id` is never used again. */
  next(sensor: number): { readonly line: Buffer; readonly id: number };
};

export const createTape = ({ start, stepMs }: TapeOptions): Tape => {
  const lines: Line[] = walkers(SENSORS * TICKS).map((frame) => {
    const text = `${JSON.stringify({ ...frame, timestamp: NO_TIME, id: NO_ID })}\n`;
    return { bytes: Buffer.from(text), time: text.indexOf(NO_TIME), id: text.indexOf(`"${NO_ID}"`) + 1 };
  });
  const ticks = new Array<number>(SENSORS).fill(0);
  let formatted = Number.NaN;
  let text = "";
  let ids = 0;
  const placeOf = (tick: number): number => {
    const within = tick % (2 * TICKS);
    return within < TICKS ? within : 2 * TICKS - 1 - within;
  };
  return {
    next: (sensor) => {
      const tick = ticks[sensor] as number;
      ticks[sensor] = tick + 1;
      const { bytes, time, id } = lines[placeOf(tick) * SENSORS + sensor] as Line;
      const at = start + tick * stepMs;
      if (at !== formatted) {
        formatted = at;
        text = new Date(at).toISOString();
      }
      bytes.write(text, time, "latin1");
      bytes.write(String(++ids).padStart(ID_DIGITS, "0"), id, "latin1");
      return { line: bytes, id: ids };
    },
  };
};
