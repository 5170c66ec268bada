/** `$(NAME)` references in values, commands, arguments and sub paths. */

/**
 * Replaces `$(NAME)` by what `lookup` knows; `$$` stands for a dollar, and a reference to an unknown name stays as it is.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? "";
    if (c !== "$" || i + 1 >= text.length) {
      out += c;
      continue;
    }
    const next = text[i + 1] ?? "";
    const end = next === "(" ? text.indexOf(")", i + 2) : -1;
    if (next === "$") {
      out += "$";
      i += 1;
    } else if (next === "(" && end >= 0) {
      const name = text.slice(i + 2, end);
      out += lookup(name) ?? `$(${name})`;
      i = end;
    } else if (next === "(") {
      out += "$(";
      i += 1;
    } else {
      out += `$${next}`;
      i += 1;
    }
  }
  return out;
}

/** The names that `lookup` knows no value for, in order. An empty one counts as none. */
export function unresolvedReferences(
  text: string,
  lookup: (name: string) => string | undefined,
): readonly string[] {
  const missing = new Set<string>();
  expand(text, (name) => {
    const value = lookup(name);
    if (!value) missing.add(name);
    return value;
  });
  return [...missing].toSorted();
}
