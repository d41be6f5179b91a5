/** Looking through files while they come and go. Each is kept by a link of ours until it was looked through, whoever removes it. */
import { link, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Form, lookIn } from "./forms.ts";

const CHUNK = 4 * 1024 * 1024;
/** What is read twice, so that nothing is cut in two: the longest record that can be expected. */
const OVERLAP = 512 * 1024;
const PAGE = 4096;
const NOTHING = Buffer.alloc(PAGE);
/** A file that keeps changing is read again after so many times what reading it took, so that reading stays a small part of the machine. */
const REST = 15;

type File = { readonly path: string; readonly kept: string | undefined; seen: string; notBefore: number };
export type FileSight = { readonly path: string; readonly form: string; readonly at: number };

export class Files {
  readonly sights: FileSight[] = [];
  readonly figures = { files: 0, bytes: 0, unpackedBytes: 0, unkept: 0 };
  readonly #files = new Map<string, File>();
  readonly #forms: readonly Form[];
  readonly #kept: string;

  /** `kept` is a folder of its own, on the file system of what is looked through. */
  constructor(kept: string, forms: readonly Form[]) {
    this.#kept = kept;
    this.#forms = forms;
  }

  /** Looks for new files below the folders, and through those that changed and those that are gone. `all`: through every one, changed or not. */
  async look(folders: readonly string[], all = false): Promise<void> {
    await mkdir(this.#kept, { recursive: true });
    const there = new Set<string>();
    for (const folder of folders) await this.#find(folder, there);
    for (const [id, file] of this.#files) await this.#follow(id, file, all);
  }

  async #find(folder: string, there: Set<string>): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(gone([]))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await this.#find(path, there);
      if (!entry.isFile()) continue;
      const stat = await lstat(path).catch(gone(undefined));
      const id = `${stat?.dev}-${stat?.ino}`;
      if (stat === undefined || there.has(id) || this.#files.has(id)) continue;
      there.add(id);
      const kept = join(this.#kept, id);
      const isKept = await link(path, kept).then(
        () => true,
        () => false,
      );
      if (!isKept) this.figures.unkept += 1;
      this.#files.set(id, { path, kept: isKept ? kept : undefined, seen: "", notBefore: 0 });
      this.figures.files += 1;
    }
  }

  async #follow(id: string, file: File, all: boolean): Promise<void> {
    const stat = await lstat(file.kept ?? file.path).catch(gone(undefined));
    const isLast = stat === undefined || (file.kept !== undefined && stat.nlink === 1);
    const seen = `${stat?.size} ${stat?.mtimeMs}`;
    const started = performance.now();
    if (stat !== undefined && (isLast || all || (seen !== file.seen && started >= file.notBefore))) {
      await this.#read(file, stat.blocks * 512);
      file.seen = seen;
      file.notBefore = performance.now() + REST * (performance.now() - started);
    }
    if (!isLast) return;
    this.#files.delete(id);
    if (file.kept !== undefined) await rm(file.kept, { force: true });
  }

  /** `stored` is how many bytes the file has on the disk: what is beyond them is holes. */
  async #read(file: File, stored: number): Promise<void> {
    const handle = await open(file.kept ?? file.path).catch(gone(undefined));
    if (handle === undefined) return;
    try {
      const buffer = Buffer.allocUnsafe(CHUNK);
      for (let at = 0, met = 0; met < stored || at === 0; at += CHUNK - OVERLAP) {
        const { bytesRead } = await handle.read(buffer, 0, CHUNK, at);
        const chunk = buffer.subarray(0, bytesRead);
        const { sights, unpackedBytes } = lookIn(chunk, this.#forms);
        this.figures.bytes += bytesRead;
        this.figures.unpackedBytes += unpackedBytes;
        for (const sight of sights) this.#tell({ path: file.path, form: sight.form, at: at + sight.at });
        if (bytesRead < CHUNK) break;
        for (let page = 0; page < CHUNK - OVERLAP; page += PAGE) if (!chunk.subarray(page, page + PAGE).equals(NOTHING)) met += PAGE;
      }
    } finally {
      await handle.close();
    }
  }

  #tell(sight: FileSight): void {
    if (!this.sights.some(({ path, form }) => path === sight.path && form === sight.form)) this.sights.push(sight);
  }
}

/** Files go while they are looked at. */
const gone =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return instead;
    throw error;
  };
