import {
  apiControlSubject,
  apiSubject,
  BOOTSTRAP_SUBJECT,
  escapeToken,
  FEED_CANDIDATES_SUBJECT,
  FEED_EPOCH_SUBJECT,
  feedFilter,
  inboxPrefix,
  markFilter,
  nodeIdentity,
  nodeOfIdentity,
} from "./subjects.ts";

/** The one table of who may say and hear what on the bus. The broker enforces it, from each user's JWT. */
export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const FEED = ["feed.>", "feed-mark.>", FEED_EPOCH_SUBJECT];

/** What every client of the API needs: its own request subject and its own inbox. */
const client = (identity: string): BusPermissions => ({
  publish: [apiSubject(identity), apiControlSubject(identity, "*")],
  subscribe: [`${inboxPrefix(identity)}.>`],
});

/**
 * A node hears of services and nodes, of its own pods, and that secrets and configmaps changed (never their content). What the API
 * lets it read one by one only, as volumes, is not for it to hear.
 */
function kubelet(node: string): BusPermissions {
  const identity = nodeIdentity(node);
  const base = client(identity);
  const token = escapeToken(node);
  const watched: readonly (readonly [string, string])[] = [
    ["", "nodes"],
    ["", "services"],
    ["", "secrets"],
    ["", "configmaps"],
    ["node.k8s.io", "runtimeclasses"],
    ["storage.k8s.io", "csidrivers"],
  ];
  return {
    publish: [...base.publish, `stream.${token}.>`],
    subscribe: [
      ...base.subscribe,
      `node.${token}.>`,
      FEED_EPOCH_SUBJECT,
      feedFilter("", "pods", node),
      markFilter("", "pods", node),
      ...feedsOf(watched),
    ],
  };
}

const feedsOf = (watched: readonly (readonly [string, string])[]): string[] =>
  watched.flatMap(([group, resource]) => [feedFilter(group, resource), markFilter(group, resource)]);

function proxy(identity: string, ...more: readonly (readonly [string, string])[]): BusPermissions {
  const base = client(identity);
  const watched: readonly (readonly [string, string])[] = [
    ["", "services"],
    ["", "nodes"],
    ["", "namespaces"],
    ["discovery.k8s.io", "endpointslices"],
    ["networking.k8s.io", "networkpolicies"],
  ];
  return {
    publish: base.publish,
    subscribe: [...base.subscribe, FEED_EPOCH_SUBJECT, ...feedsOf([...watched, ...more])],
  };
}

/** @throws Error for an identity the table does not know: it gets nothing. */
export function permissionsFor(identity: string): BusPermissions {
  const node = nodeOfIdentity(identity);
  if (node !== undefined) return kubelet(node);
  switch (identity) {
    case "apiserver":
      return {
        publish: [...FEED, FEED_CANDIDATES_SUBJECT, "node.>", "_INBOX.>"],
        subscribe: [
          "api.*",
          "api-control.*.*",
          BOOTSTRAP_SUBJECT,
          FEED_CANDIDATES_SUBJECT,
          "stream.>",
          `${inboxPrefix(identity)}.>`,
        ],
      };
    case "controller-manager":
    case "scheduler": {
      const base = client(identity);
      return { publish: base.publish, subscribe: [...base.subscribe, ...FEED] };
    }
    case "kube-proxy":
      // Network policies name pods of the whole cluster.
      return proxy(identity, ["", "pods"]);
    case "dns":
      return proxy(identity);
    case "bootstrap":
      return { publish: [BOOTSTRAP_SUBJECT], subscribe: [`${inboxPrefix(identity)}.>`] };
    default:
      throw new Error(`no bus permissions are defined for identity ${JSON.stringify(identity)}`);
  }
}
