/** Expressions as text: what the library's parser does not do for us. */

interface Token {
  readonly text: string;
  readonly start: number;
  readonly kind: "name" | "string" | "punctuation" | "number";
}

const tokenForm =
  /\s+|\/\/[^\n]*|(?<string>[rRbB]{0,2}(?:"""[^]*?"""|'''[^]*?'''|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'))|(?<name>[_a-zA-Z][_a-zA-Z0-9]*)|(?<number>[0-9][0-9a-zA-Z.]*)|(?<punctuation>[^])/gu;

function* tokens(expression: string): Generator<Token> {
  for (const match of expression.matchAll(tokenForm)) {
    const kind = (["string", "name", "number", "punctuation"] as const).find(
      (k) => match.groups?.[k] !== undefined,
    );
    if (kind) yield { text: match[0], start: match.index, kind };
  }
}

/** Names that stand for themselves, not for fields: `self` and `x` in `self.a.all(x, x.b)`. */
export function rootNames(expression: string): ReadonlySet<string> {
  const found = new Set<string>();
  let before = "";
  for (const { text, kind } of tokens(expression)) {
    if (kind === "name" && before !== "." && before !== "?.") found.add(text);
    before = text === "?" && before === "." ? "." : text;
  }
  return found;
}

const structName = /^(?:Object|JSONPatch)$/;

/**
 * Writes the structs of mutating policies as maps, which the library has: `Object.spec{replicas: 1}` → `{"replicas": 1}`.
 * Positions are kept as far as the lengths allow; messages point at the right line in any case.
 */
export function rewriteStructs(expression: string): string {
  if (!/\b(?:Object|JSONPatch)\b/.test(expression)) return expression;
  const all = [...tokens(expression)];
  let out = "";
  let copied = 0;
  /** Of every brace that is open: whether it is a struct's. */
  const open: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const token = all[i];
    if (!token) continue;
    const end = structEnd(all, i);
    if (end !== undefined) {
      out += `${expression.slice(copied, token.start)}{`;
      copied = (all[end]?.start ?? 0) + 1;
      open.push("struct");
      i = end;
      continue;
    }
    if (token.kind === "punctuation") track(open, token.text);
    const previous = all[i - 1]?.text;
    const key =
      open.at(-1) === "struct" &&
      token.kind === "name" &&
      (previous === "{" || previous === ",") &&
      all[i + 1]?.text === ":";
    if (!key) continue;
    out += `${expression.slice(copied, token.start)}${JSON.stringify(token.text)}`;
    copied = token.start + token.text.length;
  }
  return out + expression.slice(copied);
}

function track(open: string[], text: string): void {
  if (text === "{" || text === "(" || text === "[") open.push(text);
  else if (text === "}" || text === ")" || text === "]") open.pop();
}

/** The index of the brace when a struct's type begins at `start`: `Object.spec.template {`. */
function structEnd(all: readonly Token[], start: number): number | undefined {
  if (!structName.test(all[start]?.text ?? "") || all[start - 1]?.text === ".") return undefined;
  let i = start + 1;
  while (all[i]?.text === "." && all[i + 1]?.kind === "name") i += 2;
  return all[i]?.text === "{" ? i : undefined;
}

/**
 * Writes `has(a["b"].c)` as `(a["b"].?c.hasValue())`: the library's own macro knows names and fields alone.
 * Positions behind it move by a few characters.
 */
export function rewriteHas(expression: string): string {
  if (!/\bhas\b/.test(expression)) return expression;
  const all = [...tokens(expression)];
  let out = "";
  let copied = 0;
  all.forEach((token, i) => {
    const end = token.text === "has" && all[i - 1]?.text !== "." ? callEnd(all, i + 1) : undefined;
    const [dot, field, close] = end === undefined ? [] : all.slice(end - 2, end + 1);
    if (end === undefined || dot?.text !== "." || field?.kind !== "name" || !close) return;
    const indexed = all.slice(i + 2, end - 2).some(({ text }) => text === "[" || text === "(");
    if (!indexed || token.start < copied) return;
    const name = field.text;
    out += `${expression.slice(copied, token.start)}${expression.slice(token.start + 3, dot.start)}.?${name}.hasValue()`;
    copied = close.start;
  });
  return out + expression.slice(copied);
}

/** The index of the parenthesis that closes the one at `start`. */
function callEnd(all: readonly Token[], start: number): number | undefined {
  if (all[start]?.text !== "(") return undefined;
  const open: string[] = [];
  for (let i = start; i < all.length; i++) {
    if (all[i]?.kind === "punctuation") track(open, all[i]?.text ?? "");
    if (open.length === 0) return i;
  }
  return undefined;
}
