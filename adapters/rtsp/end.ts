/** How a relay came to its end. */
export type RelayEnd = {
  readonly reason:
    | "closed" // by us, or by whoever was served
    | "ended" // by the camera
    | "not-allowed" // the address may not be connected to
    | "unreachable" // nobody there, or no network to it
    | "certificate" // rtsps, and the certificate is not good
    | "unauthorized" // what it asks for we do not have, or it was wrong
    | "not-found" // there is a camera, and no such stream
    | "busy" // it has no room for another viewer
    | "redirected" // it named another address
    | "not-interleaved" // it would send elsewhere than over this connection
    | "timeout" // it does not answer, or sends nothing any more
    | "garbage" // this is no RTSP
    | "unknown";
  /** A sentence for people, without credentials. */
  readonly message: string;
  /** Bytes of media that came from the camera. */
  readonly mediaBytes: number;
};
/** The same while nobody has counted. */
export type Ending = Omit<RelayEnd, "mediaBytes">;
