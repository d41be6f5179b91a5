/** A real HTTP client of the emdx surface, for tests that run a whole server. */
type Body = Record<string, unknown>;
export type Client = {
  (method: string, path: string, body?: unknown): Promise<Body>;
  /** All pages of a list, newest first as they come. */
  all(path: string, query: string, name: string): Promise<Body[]>;
};
/** Throws on any status that is not 2xx, with the answer's text. */
export declare const client: (url: string) => Client;
