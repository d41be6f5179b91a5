/** Text from elsewhere, no more of it than may be. */
import { open } from "node:fs/promises";
import type { Unusable } from "./one-key.ts";

const tooLong = (most: number): Unusable => ({ unusable: `it is longer than ${most} bytes` });
const utf8 = new TextDecoder("utf-8", { fatal: true });
const textOf = (bytes: Uint8Array): string | Unusable => {
  try {
    return utf8.decode(bytes);
  } catch {
    return { unusable: "it is no UTF-8" };
  }
};

/** Never rejects. */
export const readBounded = async (path: string, most: number): Promise<string | Unusable> => {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most + 1), 0, most + 1);
    return bytesRead > most ? tooLong(most) : textOf(buffer.subarray(0, bytesRead));
  } catch (error) {
    return { unusable: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? "no code"})` };
  }
};

type Asking = { readonly ms: number; readonly most: number; readonly stop: AbortSignal };

/** Never rejects. A redirect is not followed: whose keys are trusted is said by the settings alone. */
export const fetchBounded = async (url: string, { ms, most, stop }: Asking): Promise<string | Unusable> => {
  const late = AbortSignal.timeout(ms);
  try {
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { accept: "application/jwk-set+json, application/json" },
      signal: AbortSignal.any([late, stop]),
    });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return { unusable: `it answers ${answer.status}${answer.status >= 300 && answer.status < 400 ? ", and is not followed" : ""}` };
    }
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of answer.body ?? []) {
      bytes += part.length;
      // Leaving the loop ends the connection.
      if (bytes > most) return tooLong(most);
      parts.push(part);
    }
    return textOf(Buffer.concat(parts));
  } catch (error) {
    if (late.aborted) return { unusable: `it does not answer within ${ms} ms` };
    const { cause } = error as { readonly cause?: { readonly code?: unknown } };
    return { unusable: `it cannot be reached (${String(cause?.code ?? (error as Error).name)})` };
  }
};
