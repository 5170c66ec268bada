/**
 * Links of a proxied answer, led back through the proxy, as apimachinery's proxy transport does it: a server that knows nothing of
 * the proxy names itself by paths from its own root.
 */

export interface LinkContext {
  /** What stands before the target's own path: `/api/v1/namespaces/default/pods/web/proxy`. */
  readonly prefix: string;
  /** Names under which the server may speak of itself: the Host header that it got, and its address. */
  readonly hosts: readonly string[];
}

/** A link as the client must see it. Relative ones and those to other hosts stay as they are. */
export function rewriteLink(link: string, { prefix, hosts }: LinkContext): string {
  const absolute = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)(.*)$/is.exec(link);
  const path = absolute ? (absolute[2] ?? "") : link;
  if (absolute && !hosts.includes(absolute[1] ?? "")) return link;
  if (!path.startsWith("/")) return link;
  return path.startsWith(prefix) ? path : prefix + path;
}

/** Attributes that hold a link, by element. */
const attributes: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

const tag = /<([a-z][a-z0-9]*)(\s(?:"[^"]*"|'[^']*'|[^"'>])*)>/gi;
const attribute = /(\s)([a-z]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi;

function rewriteTag(whole: string, name: string, rest: string, context: LinkContext): string {
  const wanted = attributes[name.toLowerCase()];
  if (!wanted) return whole;
  const changed = rest.replaceAll(
    attribute,
    (text, space: string, key: string, equals: string, double?: string, single?: string, bare?: string) => {
      if (!wanted.includes(key.toLowerCase())) return text;
      const quote = double === undefined ? (single === undefined ? "" : "'") : '"';
      return `${space}${key}${equals}${quote}${rewriteLink(double ?? single ?? bare ?? "", context)}${quote}`;
    },
  );
  return `<${name}${changed}>`;
}

/** An element may be spread over chunks; what is longer than this is no element. */
const longestTag = 64 * 1024;

/** HTML with its links rewritten, as it comes. Bytes beyond ASCII pass unchanged, so that any charset does. */
export async function* rewriteHtml(
  chunks: AsyncIterable<Uint8Array>,
  context: LinkContext,
): AsyncGenerator<Uint8Array> {
  const rewritten = (text: string): Buffer =>
    Buffer.from(
      text.replaceAll(tag, (whole, name: string, rest: string) => rewriteTag(whole, name, rest, context)),
      "latin1",
    );
  let held = "";
  for await (const chunk of chunks) {
    const text = held + Buffer.from(chunk).toString("latin1");
    const open = text.lastIndexOf("<");
    const whole = open < 0 || text.includes(">", open) || text.length - open > longestTag;
    held = whole ? "" : text.slice(open);
    yield rewritten(whole ? text : text.slice(0, open));
  }
  if (held) yield rewritten(held);
}
