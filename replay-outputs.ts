/** Where `tallywire replay` writes: a file that is not there yet, standard output, or a topic. */
import { once } from "node:events";
import { open, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { type Output, ReplayError, type ReplayLine } from "./replay-command.ts";

/** What lines are sent to under their keys. `send` resolves when they are durable. */
type Topic = { send(records: readonly { readonly key: string; readonly value: string }[]): Promise<void>; close(): Promise<void> };

const textOf = (lines: readonly ReplayLine[]): string => lines.map(({ text }) => `${text}\n`).join("");

/** Throws ReplayError where it is there already, or cannot be made. */
const fileOutput = async (path: string): Promise<Output> => {
  const file = await open(path, "wx").catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "EEXIST" ? "is there already; name another file" : `cannot be made: ${cause.message}`;
    throw new ReplayError(`${path} ${why}`, { cause });
  });
  let isEmpty = true;
  return {
    write: async (lines) => {
      isEmpty &&= lines.length === 0;
      await file.write(textOf(lines));
    },
    close: async (isDone) => {
      await file.close();
      // The next try is to find its place free.
      if (isEmpty && !isDone) await rm(path);
    },
  };
};

/** It is not closed: others write there too. */
const streamOutput = (stream: Writable): Output => {
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure = error;
  };
  stream.on("error", fail);
  return {
    write: async (lines) => {
      if (failure !== undefined) throw failure;
      if (!stream.write(textOf(lines))) await once(stream, "drain");
    },
    close: async () => void stream.off("error", fail),
  };
};

const topicOutput = (topic: Topic): Output => ({
  write: (lines) => topic.send(lines.map(({ sensor, text }) => ({ key: sensor, value: text }))),
  close: () => topic.close(),
});

/** `out`: `-`, a path, or `kafka://host:port/topic`. */
export const openOutput = async (out: string, openTopic: (url: string) => Promise<Topic>): Promise<Output> => {
  if (out === "-") return streamOutput(process.stdout);
  return out.startsWith("kafka:") ? topicOutput(await openTopic(out)) : fileOutput(out);
};
