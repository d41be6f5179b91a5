/** Where the embedded engine listens: in its data folder where that can hold a socket, else in a folder of its own among the temporary ones. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

/** A socket's path may have 103 bytes on some systems, 107 on others. */
const PATH_BYTES = 100;
const RUN = "run";
let made = 0;

/** Some folders hold no sockets: those shared with a virtual machine, some of the network's. */
const canListen = (path: string): Promise<boolean> =>
  new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(path, () => server.close(() => done(true)));
  });

/** A path for one owner: two that contend for a data folder must not take each other's socket away. Only this user can enter its folder. */
export const socketFor = async (dir: string): Promise<string> => {
  made += 1;
  const path = join(resolve(dir), RUN, `${process.pid}-${made}.sock`);
  if (Buffer.byteLength(path) <= PATH_BYTES) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    chmodSync(dirname(path), 0o700);
    rmSync(path, { force: true });
    if (await canListen(path)) return path;
  }
  return join(mkdtempSync(join(tmpdir(), "tallywire-")), "engine.sock");
};

const isInData = (path: string): boolean => basename(dirname(path)) === RUN;

/** The data folder's own folder for sockets stays: another owner may be waiting to listen there. */
export const removeSocket = (path: string): void => rmSync(isInData(path) ? path : dirname(path), { recursive: true, force: true });

/** Whoever holds the data folder may remove what others left: nobody listens there before he holds it. */
export const removeLeftovers = (path: string): void => {
  if (!isInData(path)) return;
  for (const name of readdirSync(dirname(path))) if (name !== basename(path)) rmSync(join(dirname(path), name), { force: true });
};
