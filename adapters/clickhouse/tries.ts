/** Sending a statement again where that may help and does no harm; nobody above hears of a connection that broke in between. */
import { ClickHouseError } from "@clickhouse/client";
import { limits } from "../../domain/limits.ts";
import type { AdapterError } from "../../domain/ports.ts";
import { adapterErrorOf, isUnreached } from "./errors.ts";
import type { Statement } from "./statements.ts";

const FIRST_MS = 50;
const MOST_MS = 2_000;
/** Two writers that met must not meet again: each waits a half to the whole of it. */
const backoff = (tries: number): number => Math.min(FIRST_MS * 2 ** tries, MOST_MS) * (0.5 + Math.random() / 2);

const mayRepeat = (statement: Statement, error: AdapterError, cause: unknown, tries: number): boolean => {
  if (!error.retryable || tries >= limits.warehouseTries) return false;
  if (isUnreached(cause)) return true;
  const saidSo = cause instanceof ClickHouseError;
  if (error.code !== "unavailable" && !(error.code === "timeout" && statement.doing === "insert")) return false;
  // An insert bears its token. A connection that breaks under a question twice is no accident: whoever asked hears of it.
  if (statement.doing === "insert") return true;
  if (statement.doing === "ask") return saidSo || tries === 1;
  return statement.repeatable;
};

/** At most `warehouseTries` times, the waits between them doubling. Throws AdapterError. */
export const tried = async <T>(statement: Statement, work: (tries: number) => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries++) {
    try {
      return await work(tries);
    } catch (cause) {
      const error = adapterErrorOf(cause, statement.doing);
      if (!mayRepeat(statement, error, cause, tries)) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoff(tries)));
    }
  }
};
