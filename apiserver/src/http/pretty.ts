import type { ApiRequest, ApiResponse } from "../request.ts";

/** Clients that people look at the answers of. */
const people = ["curl", "Wget", "Mozilla/5.0"];

/** Whether an answer is to be laid out for reading: `pretty` in the query decides, else what the client is. */
function wanted({ query, headers }: ApiRequest): boolean {
  const asked = query.get("pretty");
  if (asked) return /^(1|t|true)$/i.test(asked);
  const agent = headers["user-agent"];
  return agent !== undefined && people.some((name) => agent.startsWith(name));
}

/** The answer with its JSON indented, for who wants that. */
export function prettified(request: ApiRequest, response: ApiResponse): ApiResponse {
  if (!wanted(request) || !response.headers["content-type"]?.startsWith("application/json")) return response;
  const { body } = response;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return response;
  const text = typeof body === "string" ? body : Buffer.from(body).toString("utf8");
  return { ...response, body: `${JSON.stringify(JSON.parse(text), undefined, 2)}\n` };
}
