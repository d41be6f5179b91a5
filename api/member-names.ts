/** Names as they stand in the text of an object. What JSON.parse makes of it no longer says that one stood there twice. */

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/**
 * The names of an object's own members in the order they are written, a repeated one as often as it is; JSON.parse would keep the last
 * alone. Escapes are resolved: `"\u0069d"` is `id`. The text is known to be JSON, of an object.
 */
export const memberNames = (text: string): readonly string[] => {
  const names: string[] = [];
  let depth = 0;
  let last = "";
  for (const [part] of text.matchAll(TOKEN)) {
    if (part === "{" || part === "[") depth++;
    else if (part === "}" || part === "]") depth--;
    // A colon outside of texts follows a name, and at this depth a name of the object itself.
    else if (part !== ":") last = part;
    else if (depth === 1) names.push(JSON.parse(last) as string);
  }
  return names;
};
