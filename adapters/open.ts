/** URL -> adapter. Beside the composition root the only place that names one. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Access } from "../domain/access.ts";
import {
  AdapterError,
  type EventStore,
  type Films,
  type Journal,
  type Logs,
  type Meter,
  type Source,
  type Warehouse,
} from "../domain/ports.ts";
import { openArchive } from "./archive-files.ts";
import { lockDirectory } from "./directory-lock.ts";
import { type FfmpegSettings, openFfmpeg } from "./ffmpeg.ts";
import { connectKafkaLogs } from "./log-kafka.ts";
import { openLmdbLogs } from "./log-lmdb.ts";
import { openMemoryLogs } from "./log-memory.ts";
import { type MediaSettings, openMedia } from "./media-ffmpeg.ts";
import { openKafkaSource, type SourceTopic, type SourceWorld } from "./source-kafka.ts";
import { openKurrentStore } from "./store-kurrent.ts";
import { openLmdbStore } from "./store-lmdb.ts";
import { openMemoryStore } from "./store-memory.ts";
import { openChdb, openClickhouse } from "./warehouse-clickhouse.ts";

export type Where = { readonly url: string; readonly dataDir: string };
type LogsWhere = Where & { readonly kafka: Access; readonly journal: Journal };
type StoreWhere = Where & { readonly journal: Journal };

/** `file:` is a folder of its own under the data directory; `file:///elsewhere` that one. */
const folder = ({ url, dataDir }: Where, name: string): string => {
  const path = url.slice(url.indexOf(":") + 1);
  return path === "" ? join(dataDir, name) : fileURLToPath(new URL(url));
};

export const openLogs = async (
  where: LogsWhere,
  options: { readonly partitions: number; readonly skipCorrupt: readonly string[] },
): Promise<Logs> => {
  if (where.url.startsWith("memory:")) return openMemoryLogs(options);
  if (where.url.startsWith("kafka:")) return connectKafkaLogs({ url: where.url, access: where.kafka, journal: where.journal, ...options });
  return openLmdbLogs({ dir: folder(where, "log"), ...options });
};

const KURRENT = /^(kurrentdb|esdb)(\+discover)?:/;

export const openStore = async (where: StoreWhere): Promise<EventStore> => {
  if (where.url.startsWith("memory:")) return openMemoryStore();
  return KURRENT.test(where.url) ? openKurrentStore(where) : openLmdbStore({ dir: folder(where, "store") });
};

export const openWarehouse = (where: Where, parts: { readonly journal: Journal; readonly meter: Meter }): Promise<Warehouse> =>
  where.url.startsWith("chdb:")
    ? openChdb({ dir: folder(where, "warehouse"), ...parts })
    : openClickhouse({ url: where.url, journal: parts.journal });

type At = { readonly url: string; readonly access: Access };

/**
 * A source has a url and access of its own; without a URL it is read where the log is, in the log's name. No credentials of the one are
 * shown to the other. Throws AdapterError `bad-query` for what cannot be read, and where the log is not on Kafka.
 */
export const openSource = (
  source: SourceTopic & { readonly url?: string | undefined; readonly access?: Access | undefined },
  log: At,
  world: SourceWorld,
): Source => {
  if (source.url !== undefined) return openKafkaSource({ url: source.url, access: source.access ?? {} }, source, world);
  if (log.url.startsWith("kafka:")) return openKafkaSource(log, source, world);
  const message = `The topic ${source.topic} has no url, and the log, whose connection it would use, is not on Kafka.`;
  throw new AdapterError("bad-query", message, { retryable: false });
};

export { openArchive };

/** Throws AdapterError `in-use`, or `unavailable` where nothing can be written. */
const lockedFolder = (dir: string): (() => void) => {
  try {
    return lockDirectory(dir);
  } catch (cause) {
    if (cause instanceof AdapterError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const advice = "Set TALLYWIRE_MEDIA to a folder that can be written to, or leave out the role video.";
    throw new AdapterError("unavailable", `Recordings cannot be kept in ${dir}: ${message}. ${advice}`, { retryable: false, cause });
  }
};

/** Whatever an earlier life left running is ended. Throws AdapterError `in-use` where another server has the folder. */
export const openFilms = async (
  { folder: named, dataDir }: { readonly folder: string; readonly dataDir: string },
  how: Omit<FfmpegSettings, "folder"> & Omit<MediaSettings, "folder" | "ffmpeg">,
): Promise<Films> => {
  const dir = named === "" ? join(dataDir, "media") : named;
  const unlock = lockedFolder(dir);
  try {
    const ffmpeg = await openFfmpeg({ ...how, folder: join(dir, "lists") });
    const left = await ffmpeg.endLeftovers();
    if (left > 0) how.journal.warn({ processes: left }, "ffmpeg processes of an earlier life were ended");
    const media = await openMedia({ ...how, folder: dir, ffmpeg });
    const close = async (): Promise<void> => {
      // A server that cannot close its films keeps neither their processes nor the folder.
      try {
        await media.close();
      } finally {
        await ffmpeg.close().finally(unlock);
      }
    };
    return { media, version: async () => (await ffmpeg.find()).version, close };
  } catch (error) {
    unlock();
    throw error;
  }
};
