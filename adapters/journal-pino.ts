import pino from "pino";
import type { Journal } from "../domain/ports.ts";

/** Structured lines on standard error, so that standard output stays a command's answer. */
export const openJournal = (level: "debug" | "info" | "warn" | "error" | "silent"): Journal =>
  pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true }),
  );
