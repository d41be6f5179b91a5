/** As what a recording can be read: the names the command line knows, apart from the readers, so that no other command loads these. */
export const fileFormats = ["ndjson", "deepstream", "mot", "opendatacam", "meva"] as const;
export type FileFormat = (typeof fileFormats)[number];
