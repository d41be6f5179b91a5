/** A bare consumer of the same topic: all of its bytes, and unpacked where told so. */
import { factCodec } from "../../../adapters/codec.ts";
import type { Ends } from "../clients/client.ts";
import { type ClientName, clients } from "../clients/index.ts";
import type { Job } from "./job.ts";

export type Consuming = {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly ends: Ends;
  /** Each value is a block of facts; it is checked and unpacked. */
  readonly decode: boolean;
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
        if (decode) frames += codec.unpack(value).length;
      });
      return { seconds, bytes, frames };
    },
    end: () => opened.close(),
  };
};
