import type { MediaFile } from "../../domain/media.ts";

/** A file as an answer; never kept on the way, since films show people. `name`: it is to be stored under it. */
export const sent = ({ type, content }: MediaFile, name?: string): Response =>
  new Response(content as Uint8Array<ArrayBuffer>, {
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      ...(name === undefined ? {} : { "content-disposition": `attachment; filename="${name}"` }),
    },
  });
