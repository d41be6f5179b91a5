/** How far an import came, in a small file beside the data: an interrupted one goes on from there. */
import { createHash } from "node:crypto";
import { open, readFile, rename, rm, writeFile } from "node:fs/promises";

export type ImportState = { readonly fingerprint: string; readonly frames: number };

const HEAD_BYTES = 64 * 1024;

const stateFileOf = (file: string): string => `${file}.tallywire-import`;

/** The file as it is, and how it is read: its size, its first 64 KiB, the options. Another file or other options start anew. */
export const fingerprintOf = async (file: string, options: object): Promise<string> => {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return createHash("sha256")
      .update(JSON.stringify([size, options]))
      .update(buffer.subarray(0, bytesRead))
      .digest("hex");
  } finally {
    await handle.close();
  }
};

/** Frames already sent; 0 where there is nothing to go on from. */
export const framesDone = async (file: string, fingerprint: string): Promise<number> => {
  let text: string;
  try {
    text = await readFile(stateFileOf(file), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
  try {
    const state = JSON.parse(text) as Partial<ImportState>;
    return state.fingerprint === fingerprint && Number.isSafeInteger(state.frames) ? (state.frames ?? 0) : 0;
  } catch (error) {
    // Damaged: the import starts anew, and what it sends twice is only a duplicate.
    if (error instanceof SyntaxError) return 0;
    throw error;
  }
};

export const keepState = async (file: string, state: ImportState): Promise<void> => {
  const target = stateFileOf(file);
  await writeFile(`${target}.new`, JSON.stringify(state));
  await rename(`${target}.new`, target);
};

export const dropState = (file: string): Promise<void> => rm(stateFileOf(file), { force: true });
