/** Files that tell ffmpeg what to read: where they stand nobody else can look, and they are gone when they were read. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AdapterError } from "../../domain/ports.ts";

const ENDING = ".ffconcat";

export type Lists = {
  write(text: string): Promise<string>;
  remove(path: string): Promise<void>;
  /** Removes those an earlier life has left. */
  clear(): Promise<void>;
};

export const openLists = async (folder: string): Promise<Lists> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // It may have been there before, with other rights.
  await chmod(folder, 0o700);
  const remove = (path: string): Promise<void> => rm(path, { force: true });
  return {
    async write(text) {
      const path = join(folder, `${randomBytes(12).toString("hex")}${ENDING}`);
      try {
        // It may have vanished, with the disk it is on.
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(path, text, { mode: 0o600, flag: "wx" });
      } catch (error) {
        await remove(path).catch(() => undefined);
        const { code } = error as NodeJS.ErrnoException;
        throw new AdapterError("full", `What ffmpeg is to read cannot be written down: ${code}`, { retryable: true, cause: error });
      }
      return path;
    },
    remove,
    async clear() {
      const left = (await readdir(folder)).filter((name) => name.endsWith(ENDING));
      await Promise.all(left.map((name) => remove(join(folder, name))));
    },
  };
};
