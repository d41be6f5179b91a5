/** ffmpeg and cameras as the tests of video use them. */
import { readdir, readFile } from "node:fs/promises";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import type { CameraNetwork } from "../../domain/ports.ts";

/** Cameras are on loopback, where the tests' are. */
export const loopback: CameraNetwork = openCameraNetwork({ allow: ["127.0.0.0/8", "::1"], ownPorts: () => [] });

/** Keeps what is told. */
export const keptJournal = () => {
  const lines: string[] = [];
  const tell =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  return { lines, info: tell("info"), warn: tell("warn") };
};

export type ProcessSeen = { readonly pid: number; readonly cmdline: string; readonly environ: string };

/** All processes of this machine, as far as they can be looked at. */
export const processesSeen = async (): Promise<readonly ProcessSeen[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
  return Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      cmdline: await read(`/proc/${pid}/cmdline`),
      environ: await read(`/proc/${pid}/environ`),
    })),
  );
};

/** Those that a process of this number has started through ffmpeg's adapter, and what they were before they became ffmpeg. */
export const childrenOf = async (parent: number): Promise<readonly ProcessSeen[]> => {
  const mark = new RegExp(`(?:^|\\0)CHILD_OF_TALLYWIRE=[0-9a-f]+:${parent}:`);
  return (await processesSeen()).filter(({ environ }) => mark.test(environ));
};
