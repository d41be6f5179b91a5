/** Texts kept secret by AES-256-GCM. A sealed text says which key it was sealed with: `v1.<key's name>.<base64url of nonce, text, tag>`. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { AdapterError, type Vault } from "../domain/ports.ts";

const VERSION = "v1";
const KEY = 32;
const NAME = 6;
const NONCE = 12;
const TAG = 16;

type Key = { readonly name: string; readonly secret: Uint8Array };

const derive = (text: string, what: string, length: number): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", text, "", `tallywire ${VERSION} ${what}`, length));
/** The name is derived beside the key: it tells nothing of it. */
const keyOf = (text: string): Key => ({
  name: Buffer.from(derive(text, "name", NAME)).toString("base64url"),
  secret: derive(text, "key", KEY),
});

/** What is sealed in with the text: whose it is, and what its beginning says. */
const aboutOf = (name: string, about: string): Buffer => Buffer.from(`${VERSION}.${name}.${about}`);

// No cause goes along: nothing that is said of a secret may quote it.
const corrupt = (why: string): AdapterError => new AdapterError("corrupt", `a sealed text cannot be opened: ${why}`, { retryable: false });

const bytesOf = (text: string): Buffer => {
  const bytes = Buffer.from(text, "base64url");
  // Another spelling of the same bytes is not what was written.
  if (bytes.toString("base64url") !== text || bytes.length < NONCE + TAG) throw corrupt("it is not whole");
  return bytes;
};

/** The first key seals, all of them open. Each text of a key is a secret of 32 bytes or more. Without a key nothing is sealed and nothing opens. */
export const openVault = (keys: readonly string[]): Vault => {
  const known = keys.map(keyOf);
  const [newest] = known;
  return {
    seal(text, about) {
      if (newest === undefined) return undefined;
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv("aes-256-gcm", newest.secret, nonce, { authTagLength: TAG });
      cipher.setAAD(aboutOf(newest.name, about));
      const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `${VERSION}.${newest.name}.${sealed.toString("base64url")}`;
    },
    isCurrent: (sealed) => newest !== undefined && sealed.startsWith(`${VERSION}.${newest.name}.`),
    open(sealed, about) {
      const [version, name = "", body = "", ...more] = sealed.split(".");
      if (version !== VERSION || more.length > 0) throw corrupt("it is of no form that is known here");
      const key = known.find((one) => one.name === name);
      if (key === undefined) throw corrupt(known.length === 0 ? "there is no key" : "it was sealed with a key that is not in force");
      const bytes = bytesOf(body);
      const decipher = createDecipheriv("aes-256-gcm", key.secret, bytes.subarray(0, NONCE), { authTagLength: TAG });
      decipher.setAAD(aboutOf(name, about));
      decipher.setAuthTag(bytes.subarray(-TAG));
      const text = decipher.update(bytes.subarray(NONCE, -TAG));
      try {
        return Buffer.concat([text, decipher.final()]).toString("utf8");
      } catch {
        throw corrupt("it was altered, or it is another's");
      }
    },
  };
};
