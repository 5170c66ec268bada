/** `url("https://example.com/")` and its parts. */
import type { Environment } from "./library.ts";

class KubernetesUrl {
  readonly url: URL;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
    this.url = text.startsWith("/") ? new URL(text, "http://none.invalid") : new URL(text);
  }
  get isPath(): boolean {
    return this.text.startsWith("/");
  }
}

const parse = (text: string): KubernetesUrl => {
  if (!isUrl(text)) throw new Error(`URL parse error during conversion from string: ${text}`);
  return new KubernetesUrl(text);
};

const isUrl = (text: string): boolean =>
  text.startsWith("/")
    ? URL.canParse(text, "http://none.invalid")
    : /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && URL.canParse(text);

/** A scheme's own port is what the URL parser leaves out; it is kept here as written. */
const portOf = ({ text, url, isPath }: KubernetesUrl): string =>
  isPath ? "" : (/^[^/]*\/\/[^/?#]*?:(\d+)(?:[/?#]|$)/.exec(text)?.[1] ?? url.port);

export function registerUrls(environment: Environment): void {
  const type = "kubernetes.URL";
  environment
    .registerType(type, KubernetesUrl)
    .registerFunction(`url(string): ${type}`, parse)
    .registerFunction("isURL(string): bool", isUrl)
    .registerFunction(`${type}.getScheme(): string`, (u: KubernetesUrl) =>
      u.isPath ? "" : u.url.protocol.slice(0, -1),
    )
    .registerFunction(`${type}.getHost(): string`, (u: KubernetesUrl) =>
      u.isPath ? "" : portOf(u) ? `${u.url.hostname}:${portOf(u)}` : u.url.hostname,
    )
    .registerFunction(`${type}.getHostname(): string`, (u: KubernetesUrl) =>
      u.isPath ? "" : u.url.hostname.replace(/^\[(.*)\]$/, "$1"),
    )
    .registerFunction(`${type}.getPort(): string`, portOf)
    .registerFunction(`${type}.getEscapedPath(): string`, (u: KubernetesUrl) =>
      u.url.pathname === "/" && !/^[^/]*\/\/[^/]*\//.test(u.text) && !u.isPath ? "" : u.url.pathname,
    )
    .registerFunction(`${type}.getQuery(): map<string, list<string>>`, (u: KubernetesUrl) => {
      const query = new Map<string, string[]>();
      for (const key of new Set(u.url.searchParams.keys())) query.set(key, u.url.searchParams.getAll(key));
      return query;
    })
    .registerOperator(`${type} == ${type}`, (a: KubernetesUrl, b: KubernetesUrl) => a.text === b.text);
}
