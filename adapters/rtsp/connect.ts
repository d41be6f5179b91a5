/** A connection to a camera: to the addresses that were judged, and to no other. */
import { isIP, connect as netConnect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { limits } from "../../domain/limits.ts";
import type { CameraNetwork } from "../../domain/ports.ts";
import type { RtspParts } from "../../domain/rtsp.ts";
import type { Ending } from "./end.ts";

type How = {
  readonly network: CameraNetwork;
  readonly certificates: boolean;
  /** The tenant that asks. */
  readonly whose: string;
  readonly stop: AbortSignal;
};

/** Of OpenSSL and Node: the certificate is there, and not good. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/;

const failed = (error: unknown): Ending => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (CERTIFICATE.test(code)) return { reason: "certificate", message: `The camera's certificate is not good: ${code}.` };
  if (code === "ETIMEDOUT") return { reason: "timeout", message: "The camera does not answer." };
  if (code === "ECONNREFUSED") return { reason: "unreachable", message: "Nothing listens at the camera's address." };
  return { reason: "unreachable", message: `The camera cannot be reached: ${code || message}.` };
};

const open = async (address: string, { scheme, host, port }: RtspParts, { certificates, stop }: How): Promise<Socket> => {
  // A name for the server to choose its certificate by; addresses are none (RFC 6066).
  const servername = isIP(host) === 0 ? host : "";
  const socket =
    scheme === "rtsp"
      ? netConnect({ host: address, port })
      : tlsConnect({ host: address, port, servername, rejectUnauthorized: certificates, ...(servername === "" ? {} : { host: address }) });
  const done = new AbortController();
  const late = sleep(limits.cameraConnectMs, undefined, { signal: AbortSignal.any([done.signal, stop]) });
  try {
    await Promise.race([
      new Promise<void>((resolve, reject) => {
        socket.once(scheme === "rtsp" ? "connect" : "secureConnect", () => resolve());
        socket.once("error", reject);
        socket.once("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
      }),
      late.then(() => Promise.reject(Object.assign(new Error("too slow"), { code: "ETIMEDOUT" }))),
    ]);
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  } finally {
    done.abort();
  }
  return socket;
};

/** Judges the address now and takes the first of the judged addresses that answers. */
export const connectToCamera = async (camera: string, parts: RtspParts, how: How): Promise<{ readonly socket: Socket } | Ending> => {
  const addresses = await how.network.addresses(camera, how.whose);
  if ("unreachable" in addresses) return { reason: "not-allowed", message: `The camera is not connected to: ${addresses.unreachable}.` };
  let first: unknown;
  for (const address of addresses)
    try {
      return { socket: await open(address, parts, how) };
    } catch (error) {
      if (how.stop.aborted) return { reason: "closed", message: "It was closed here." };
      first ??= error;
    }
  return failed(first);
};
