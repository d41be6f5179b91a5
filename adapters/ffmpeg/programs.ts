/** Programs on this machine, looked for without starting any. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** Where programs usually are: a search path for those who have none. */
export const usualPath = ["/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);

/** The whole path of a program, or undefined where it is not on the search path. A name that is a path stands for itself. */
export const programAt = async (name: string, searchPath: string): Promise<string | undefined> => {
  const folders = searchPath.split(delimiter);
  // A relative folder would mean another one wherever we are started.
  for (const path of isAbsolute(name) ? [name] : folders.filter(isAbsolute).map((folder) => join(folder, name)))
    try {
      await access(path, constants.X_OK);
      if ((await stat(path)).isFile()) return path;
    } catch {
      // Not there, or not for us: the next one.
    }
  return undefined;
};
