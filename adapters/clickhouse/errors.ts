/** ClickHouse's error numbers and the network's in our closed set. */
import { ClickHouseError } from "@clickhouse/client";
import { AdapterError, type AdapterErrorCode } from "../../domain/ports.ts";

type Meaning = { readonly code: AdapterErrorCode; readonly retryable: boolean };

/** https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [159, { code: "timeout", retryable: true }], // TIMEOUT_EXCEEDED
  [160, { code: "timeout", retryable: true }], // TOO_SLOW
  [158, { code: "too-large", retryable: false }], // TOO_MANY_ROWS
  [396, { code: "too-large", retryable: false }], // TOO_MANY_ROWS_OR_BYTES
  [243, { code: "full", retryable: true }], // NOT_ENOUGH_SPACE
  [3, { code: "unavailable", retryable: true }], // UNEXPECTED_END_OF_FILE: the request was cut off
  [32, { code: "unavailable", retryable: true }], // ATTEMPT_TO_READ_AFTER_EOF
  [202, { code: "unavailable", retryable: true }], // TOO_MANY_SIMULTANEOUS_QUERIES
  [203, { code: "unavailable", retryable: true }], // NO_FREE_CONNECTION
  [209, { code: "unavailable", retryable: true }], // SOCKET_TIMEOUT
  [210, { code: "unavailable", retryable: true }], // NETWORK_ERROR
  [225, { code: "unavailable", retryable: true }], // NO_ZOOKEEPER
  [236, { code: "unavailable", retryable: true }], // ABORTED
  [242, { code: "unavailable", retryable: true }], // TABLE_IS_READ_ONLY
  [252, { code: "unavailable", retryable: true }], // TOO_MANY_PARTS
  [279, { code: "unavailable", retryable: true }], // ALL_CONNECTION_TRIES_FAILED
  [285, { code: "unavailable", retryable: true }], // TOO_FEW_LIVE_REPLICAS
  [286, { code: "unavailable", retryable: true }], // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
  [289, { code: "unavailable", retryable: true }], // REPLICA_IS_NOT_IN_QUORUM
  [319, { code: "unavailable", retryable: true }], // UNKNOWN_STATUS_OF_INSERT
  [369, { code: "unavailable", retryable: true }], // ALL_REPLICAS_ARE_STALE
  [394, { code: "unavailable", retryable: true }], // QUERY_WAS_CANCELLED
  [439, { code: "unavailable", retryable: true }], // CANNOT_SCHEDULE_TASK
  [519, { code: "unavailable", retryable: true }], // NO_REMOTE_SHARD_AVAILABLE
  [745, { code: "unavailable", retryable: true }], // SERVER_OVERLOADED
  [999, { code: "unavailable", retryable: true }], // KEEPER_EXCEPTION
  [192, { code: "unavailable", retryable: false }], // UNKNOWN_USER
  [193, { code: "unavailable", retryable: false }], // WRONG_PASSWORD
  [194, { code: "unavailable", retryable: false }], // REQUIRED_PASSWORD
  [516, { code: "unavailable", retryable: false }], // AUTHENTICATION_FAILED
  [40, { code: "corrupt", retryable: false }], // CHECKSUM_DOESNT_MATCH
  [246, { code: "corrupt", retryable: false }], // CORRUPTED_DATA
]);
const MEMORY_LIMIT_EXCEEDED = 241;
const NO_SPACE = /No space left on device|ENOSPC/;
/** What a proxy says instead of the server may be a whole page. */
const MOST_TEXT = 500;

/** The request did not come to the server: nothing has happened there. */
const NOT_REACHED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const networkCode = (cause: unknown): string => String((cause as { readonly code?: unknown }).code ?? "");
export const isUnreached = (cause: unknown): boolean => !(cause instanceof ClickHouseError) && NOT_REACHED.has(networkCode(cause));

export const adapterErrorOf = (cause: unknown, doing: "ask" | "insert" | "define"): AdapterError => {
  if (cause instanceof AdapterError) return cause;
  const { message } = cause as Error;
  if (!(cause instanceof ClickHouseError)) {
    const timeout = /timeout/i.test(message);
    // Several addresses that all refuse make an error that has a code and no message.
    const text = (message || networkCode(cause)).slice(0, MOST_TEXT);
    return new AdapterError(timeout ? "timeout" : "unavailable", `The warehouse did not answer: ${text}`, { retryable: true, cause });
  }
  if (NO_SPACE.test(message)) return new AdapterError("full", message, { retryable: true, cause });
  // A question that needs too much will need it again; a batch finds room once others are done.
  if (Number(cause.code) === MEMORY_LIMIT_EXCEEDED) return new AdapterError("too-large", message, { retryable: doing === "insert", cause });
  const { code, retryable } = MEANINGS.get(Number(cause.code)) ?? { code: "bad-query", retryable: false };
  const isLockedOut = code === "unavailable" && !retryable;
  return new AdapterError(code, isLockedOut ? `The warehouse does not let us in: ${message}` : message, { retryable, cause });
};
