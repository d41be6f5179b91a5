/** A bare consumer of the same topic: all of its bytes, and what they hold where told so. */
import { factCodec } from "../../../adapters/codec.ts";
import type { Ends } from "../clients/client.ts";
import { type ClientName, clients } from "../clients/index.ts";
import type { Job } from "./job.ts";

export type Consuming = {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly ends: Ends;
  /** Blocks of facts are checked and unpacked; a frame of JSON is parsed. */
  readonly decode: "nothing" | "blocks" | "json";
};

export const consume = async ({ client, brokers, topic, ends, decode }: Consuming): Promise<Job> => {
  const codec = factCodec();
  const opened = await clients[client](brokers);
  return {
    pass: async () => {
      let bytes = 0;
      let frames = 0;
      const seconds = await opened.consume(topic, ends, (value) => {
        bytes += value.length;
        if (decode === "blocks") frames += codec.unpack(value).length;
        else if (decode === "json" && JSON.parse(value.toString("utf8")) !== null) frames++;
      });
      return { seconds, bytes, frames };
    },
    end: () => opened.close(),
  };
};
