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
