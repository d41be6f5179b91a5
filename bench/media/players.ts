/** A process with a player for each playback of a server. Forked; told what to do by a message, answers with what they got. */
import { Agent, get } from "node:http";
import { inAll, type Played, play } from "./player.ts";
import { doAsTold } from "./told.ts";

export type Playing = { readonly playlists: readonly string[]; readonly seconds: number };
/** `refused`: answers that were no files, by their status. */
export type PlayingDone = Played & { readonly refused: readonly (readonly [status: number, times: number])[] };

const agent = new Agent({ keepAlive: true });
const refused = new Map<number, number>();

const read = (url: URL): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      const parts: Buffer[] = [];
      const status = answer.statusCode ?? 0;
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.once("error", reject);
      answer.once("end", () => {
        if (status !== 200) refused.set(status, (refused.get(status) ?? 0) + 1);
        resolve(status === 200 ? Buffer.concat(parts) : undefined);
      });
    }).once("error", reject);
  });

doAsTold(async ({ playlists, seconds }: Playing): Promise<PlayingDone> => {
  const played = await Promise.all(playlists.map((playlist) => play((uri) => read(new URL(uri, playlist)), seconds * 1000)));
  return { ...inAll(played), refused: [...refused] };
});
