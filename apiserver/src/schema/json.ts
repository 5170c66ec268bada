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
          if (top.keys.has(key)) found.push(`duplicate field "${pathOf(stack)}"`);
          else top.keys.add(key);
          expectKey = false;
        }
        i = end;
        break;
      }
      default:
        break;
    }
  }
  return found;
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
