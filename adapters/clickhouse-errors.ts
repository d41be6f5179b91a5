/** ClickHouse's error numbers and the network's in our closed set. */
import { ClickHouseError } from "@clickhouse/client";
import { AdapterError, type AdapterErrorCode } from "../domain/ports.ts";

type Meaning = { readonly code: AdapterErrorCode; readonly retryable: boolean };

/** https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [159, { code: "timeout", retryable: true }], // TIMEOUT_EXCEEDED
  [160, { code: "timeout", retryable: true }], // TOO_SLOW
  [158, { code: "too-large", retryable: false }], // TOO_MANY_ROWS
  [396, { code: "too-large", retryable: false }], // TOO_MANY_ROWS_OR_BYTES
  [243, { code: "full", retryable: true }], // NOT_ENOUGH_SPACE
  [202, { code: "unavailable", retryable: true }], // TOO_MANY_SIMULTANEOUS_QUERIES
  [209, { code: "unavailable", retryable: true }], // SOCKET_TIMEOUT
  [210, { code: "unavailable", retryable: true }], // NETWORK_ERROR
  [225, { code: "unavailable", retryable: true }], // NO_ZOOKEEPER
  [236, { code: "unavailable", retryable: true }], // ABORTED
  [242, { code: "unavailable", retryable: true }], // TABLE_IS_READ_ONLY
  [252, { code: "unavailable", retryable: true }], // TOO_MANY_PARTS
  [999, { code: "unavailable", retryable: true }], // KEEPER_EXCEPTION
  [516, { code: "unavailable", retryable: false }], // AUTHENTICATION_FAILED
  [40, { code: "corrupt", retryable: false }], // CHECKSUM_DOESNT_MATCH
  [246, { code: "corrupt", retryable: false }], // CORRUPTED_DATA
]);
const MEMORY_LIMIT_EXCEEDED = 241;
const NO_SPACE = /No space left on device|ENOSPC/;

export const adapterErrorOf = (cause: unknown, doing: "ask" | "insert" | "define"): AdapterError => {
  if (cause instanceof AdapterError) return cause;
  const { message } = cause as Error;
  if (!(cause instanceof ClickHouseError)) {
    const timeout = /timeout/i.test(message);
    return new AdapterError(timeout ? "timeout" : "unavailable", `The warehouse did not answer: ${message}`, { retryable: true, cause });
  }
  if (NO_SPACE.test(message)) return new AdapterError("full", message, { retryable: true, cause });
  // A question that needs too much will need it again; a batch finds room once others are done.
  if (Number(cause.code) === MEMORY_LIMIT_EXCEEDED) return new AdapterError("too-large", message, { retryable: doing === "insert", cause });
  const { code, retryable } = MEANINGS.get(Number(cause.code)) ?? { code: "bad-query", retryable: false };
  return new AdapterError(code, message, { retryable, cause });
};
