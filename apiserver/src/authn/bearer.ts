/** A subprotocol that carries a token, in base64url. */
export const bearerSubprotocol = "base64url.bearer.authorization.k8s.io.";

/**
 * The bearer token of a request: from the Authorization header, or, for browsers' WebSockets, which can set no header, from
 * a subprotocol that carries it.
 */
export function bearerToken(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const [scheme = "", token = ""] = (headers["authorization"] ?? "").trim().split(/ +/, 2);
  if (scheme.toLowerCase() === "bearer" && token) return token;
  for (const protocol of (headers["sec-websocket-protocol"] ?? "").split(",")) {
    const name = protocol.trim();
    if (name.startsWith(bearerSubprotocol)) {
      return Buffer.from(name.slice(bearerSubprotocol.length), "base64url").toString("utf8") || undefined;
    }
  }
  return undefined;
}

/**
 * A client's headers without those by which it says who it is, for whoever is behind this server: upstream takes them off once it
 * knows. A token among the subprotocols is one of them.
 */
export function withoutCredentials(
  headers: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const rest: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === "authorization" || name.startsWith("impersonate-")) continue;
    const isProtocols = name === "sec-websocket-protocol";
    const shown = isProtocols ? withoutToken(value) : value;
    if (shown !== "" || !isProtocols) rest[name] = shown;
  }
  return rest;
}

const withoutToken = (protocols: string): string =>
  protocols
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(bearerSubprotocol))
    .join(", ");
