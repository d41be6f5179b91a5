/**
 * The one password of the whole suite that must be seen nowhere: a constant, so that who looks from outside knows it (test/canary/run.ts).
 * Without repetitions and of no known words, so that compressing leaves it whole. It is written in parts, so that nothing made of this file holds it.
 */
export const CANARY: string = ["kQ7z", "Xw3v", "Jp9R", "tY5b", "Md2G", "hn8L", "c4Fs", "E6ua"].join("");

const HOST = "127.0.0.1:8554";

/** Addresses of cameras with the canary where passwords stand. */
export const canaryUrls = {
  userinfo: (host: string = HOST): string => `rtsp://operator:${CANARY}@${host}/stream`,
  user: (host: string = HOST): string => `rtsp://${CANARY}@${host}/stream`,
  query: (host: string = HOST): string => `rtsp://${host}/live?user=operator&password=${CANARY}&channel=1`,
  path: (host: string = HOST): string => `rtsp://${host}/user=admin_password=${CANARY}_channel=1_stream=0.sdp`,
} as const;
