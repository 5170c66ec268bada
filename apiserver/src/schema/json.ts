/** Keys that stand twice in one object, which JSON.parse hides. Upstream reports them in strict validation. */

const quote = 0x22;
const backslash = 0x5c;

interface Frame {
  /** Keys seen so far in an object; undefined in an array. */
  readonly keys: Set<string> | undefined;
  /** Path segment of the child being read. */
  segment: string;
  index: number;
}

/** Lists `duplicate field "spec.replicas"` for well-formed JSON text. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  eachKey(text, (isRepeated, path) => {
    if (isRepeated) found.push(`duplicate field "${path()}"`);
  });
  return found;
}

/**
 * The duplicates of a text, and the fields that the decoder said it did not know (`unknown field "spec.foo"`), in the order of the
 * text. An unknown field is told of once, and what is in it is not looked at.
 */
export function strictFields(text: string, unknown: readonly string[]): string[] {
  const found = new Set<string>();
  const strangers = new Set(unknown);
  let stranger: string | undefined;
  eachKey(text, (isRepeated, pathOf) => {
    const path = pathOf();
    if (stranger !== undefined && (path.startsWith(`${stranger}.`) || path.startsWith(`${stranger}[`)))
      return;
    const problem = `unknown field "${path}"`;
    stranger = strangers.has(problem) ? path : undefined;
    if (stranger !== undefined) found.add(problem);
    else if (isRepeated) found.add(`duplicate field "${path}"`);
  });
  return [...found, ...unknown.filter((problem) => !found.has(problem))];
}

type OnKey = (isRepeated: boolean, path: () => string) => void;

function eachKey(text: string, onKey: OnKey): void {
  const stack: Frame[] = [];
  let top: Frame | undefined;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: // {
        top = { keys: new Set(), segment: "", index: 0 };
        stack.push(top);
        expectKey = true;
        break;
      case 0x5b: // [
        top = { keys: undefined, segment: "[0]", index: 0 };
        stack.push(top);
        expectKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        stack.pop();
        top = stack.at(-1);
        expectKey = false;
        break;
      case 0x2c: // ,
        if (top?.keys) expectKey = true;
        else if (top) top.segment = `[${++top.index}]`;
        break;
      case quote: {
        const end = endOfString(text, i);
        if (expectKey && top?.keys) {
          const key = keyText(text, i, end);
          top.segment = `.${key}`;
          onKey(top.keys.has(key), () => pathOf(stack));
          top.keys.add(key);
          expectKey = false;
        }
        i = end;
        break;
      }
      default:
        break;
    }
  }
}

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

function keyText(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end);
  return plain.includes("\\") ? (JSON.parse(`"${plain}"`) as string) : plain;
}

const pathOf = (stack: readonly Frame[]): string =>
  stack
    .map((frame) => frame.segment)
    .join("")
    .replace(/^\./, "");
