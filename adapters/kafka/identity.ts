/** Who writes, as the broker knows it: by that it recognises a repeat, and refuses whoever was replaced. */
import { ByteReader, ByteWriter } from "./bytes.ts";
import { Refused } from "./errors.ts";
import { type Protocol, payload } from "./internals.ts";

export type Identity = { readonly producerId: bigint; readonly epoch: number };

const INIT_PRODUCER_ID = 22;
/** Since Kafka 2.7; the first that may say "if I am still the one". */
const VERSION = 4;
const NOBODY: Identity = { producerId: -1n, epoch: -1 };
/** A broker refuses more; of no meaning without a transactional id. */
const NO_LIMIT_MS = 2 ** 31 - 1;

const text = (writer: ByteWriter, value: string | undefined): ByteWriter => {
  if (value === undefined) return writer.uvarint(0);
  const bytes = Buffer.from(value, "utf8");
  return writer.uvarint(bytes.length + 1).raw(bytes);
};

/** With a transactional id: whoever had it is fenced, what they had under way is aborted (until then CONCURRENT_TRANSACTIONS). */
export const initProducer = (transactional?: { readonly id: string; readonly timeoutMs: number }): Protocol<Identity> => ({
  request: {
    apiKey: INIT_PRODUCER_ID,
    apiVersion: VERSION,
    apiName: "InitProducerId",
    encode: async () => {
      // In this version header and body end with tagged fields; kafkajs writes headers without.
      const writer = text(new ByteWriter(64).uvarint(0), transactional?.id);
      return payload(
        writer
          .int32(transactional?.timeoutMs ?? NO_LIMIT_MS)
          .int64(NOBODY.producerId)
          .int16(NOBODY.epoch)
          .uvarint(0).bytes,
      );
    },
  },
  response: {
    decode: async (bytes) => {
      const reader = new ByteReader(bytes);
      reader.int8(); // The header's tagged fields.
      reader.int32();
      const error = reader.int16();
      if (error !== 0) throw new Refused(error);
      return { producerId: reader.bigint(), epoch: reader.int16() };
    },
    parse: async (identity) => identity,
  },
});
