/** The names of everything on the bus. Tokens are escaped, since object names may hold dots. */

const RESERVED = /[%.*>\s\p{Cc}]/gu;
const hex = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

/** One subject token: never empty, free of separators and wildcards. */
export const escapeToken = (text: string): string =>
  text === "" ? "_" : text.replaceAll(RESERVED, (c) => [...Buffer.from(c)].map(hex).join(""));
export const unescapeToken = (token: string): string => (token === "_" ? "" : decodeURIComponent(token));

/** The identity of a node's kubelet. No other identity can look like it. */
export const nodeIdentity = (node: string): string => `node_${node}`;
/** The node of a kubelet's identity, or undefined for any other identity. */
export const nodeOfIdentity = (identity: string): string | undefined =>
  identity.startsWith("node_") && identity.length > 5 ? identity.slice(5) : undefined;

export const inboxPrefix = (identity: string): string => `_INBOX.${escapeToken(identity)}`;

/** Requests of one identity. The broker lets nobody else publish here, so the subject says who asks. */
export const apiSubject = (identity: string): string => `api.${escapeToken(identity)}`;
/** What a client tells API servers about its requests: credit to one replica, or (`all`) that it gave up or still waits. */
export const apiControlSubject = (identity: string, replica: string): string =>
  `api-control.${escapeToken(identity)}.${replica}`;
export const BOOTSTRAP_SUBJECT = "bootstrap.node";

/** A chain: all changes of one resource and shard, each naming the revision before it. */
export interface Chain {
  readonly group: string;
  readonly resource: string;
  /** The node of a pod; "" for unbound pods and everything else. */
  readonly shard: string;
}

const groupToken = (group: string): string => (group === "" ? "core" : escapeToken(group));

/** `pods` → core and pods; `deployments.apps` → apps and deployments. */
export function splitStorageName(storage: string): { group: string; resource: string } {
  const dot = storage.indexOf(".");
  return dot < 0
    ? { group: "", resource: storage }
    : { group: storage.slice(dot + 1), resource: storage.slice(0, dot) };
}

export const feedSubject = (chain: Chain, namespace: string, name: string): string =>
  `feed.${groupToken(chain.group)}.${escapeToken(chain.resource)}.${escapeToken(chain.shard)}.${escapeToken(namespace)}.${escapeToken(name)}`;
/** That objects of a chain changed, without their content; the message names them. No object has an empty name. */
export const noticeSubject = (chain: Chain): string => feedSubject(chain, "", "");
/** All changes of a resource; of one shard when given. */
export const feedFilter = (group: string, resource: string, shard?: string): string =>
  `feed.${groupToken(group)}.${escapeToken(resource)}.${shard === undefined ? "*" : escapeToken(shard)}.>`;
export const markSubject = (chain: Chain): string =>
  `feed-mark.${groupToken(chain.group)}.${escapeToken(chain.resource)}.${escapeToken(chain.shard)}`;
export const markFilter = (group: string, resource: string, shard?: string): string =>
  `feed-mark.${groupToken(group)}.${escapeToken(resource)}.${shard === undefined ? "*" : escapeToken(shard)}`;
/** From where on the publisher knows every chain; a subscriber that is behind must ask. */
export const FEED_EPOCH_SUBJECT = "feed-epoch";
/** Publishers tell each other who is there. */
export const FEED_CANDIDATES_SUBJECT = "feed-candidates";

/** The shard token of a feed or mark subject. */
export const shardOfSubject = (subject: string): string => unescapeToken(subject.split(".", 4)[3] ?? "_");

/** Streams to a node: opened here … */
export const nodeSubject = (node: string, verb: string): string => `node.${escapeToken(node)}.${verb}`;
/** … then frames to the node … */
export const sessionUpSubject = (nodeToken: string, session: string): string =>
  `node.${nodeToken}.session.${session}`;
/** … and from it. Only that node may publish here. */
export const sessionDownSubject = (nodeToken: string, session: string): string =>
  `stream.${nodeToken}.${session}`;
