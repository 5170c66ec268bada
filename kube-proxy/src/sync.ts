import type { Node, Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import type { Backend, FragmentChange } from "./backends/backend.ts";
import { createClaims } from "./claims.ts";
import type { NodeView } from "./endpoints.ts";
import { emptyFragment, fragmentFor, type Fragment, type UdpFlows } from "./rules.ts";

const serviceNameLabel = "kubernetes.io/service-name";
const retryMs = 1_000;
/** As often as upstream's proxy looks whether its rules are still there. */
const lookMs = 30_000;

export interface SyncOptions {
  readonly nodeName: string;
  readonly podCidr: string;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly nodes: Informer<Node>;
  readonly backend: Backend;
  /** Forgets tracked UDP flows to these addresses that lead elsewhere than they may. */
  readonly forgetFlows: (allowed: UdpFlows) => Promise<void>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly lookMs?: number | undefined;
  /** After each successful write, with the Services it concerned. */
  readonly onSynced: (keys: Iterable<string>) => void;
}

interface Computed {
  readonly fragment: Fragment;
  /** Endpoints' addresses on this node. */
  readonly local: readonly string[];
}

/** The Service an EndpointSlice belongs to, as a key; undefined for a slice of nobody. */
const ownerOf = (slice: EndpointSlice): string | undefined => {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name ? `${slice.metadata.namespace}/${name}` : undefined;
};

/** Addresses of endpoints on this node: those that may reach themselves through a Service (hairpin). */
function localAddresses(slices: readonly EndpointSlice[], nodeName: string): string[] {
  return slices.flatMap((s) =>
    (s.endpoints ?? [])
      .filter((e) => e.nodeName === nodeName)
      .flatMap((e) => e.addresses.filter((a) => a.includes("."))),
  );
}

/** Addresses whose endpoints are others now; those of an address that is gone are none. */
function* changedFlows(before: UdpFlows, after: UdpFlows): Generator<[string, ReadonlySet<string>]> {
  for (const [flow, allowed] of after) {
    const old = before.get(flow);
    if (!old || old.symmetricDifference(allowed).size > 0) yield [flow, allowed];
  }
  for (const flow of before.keys()) if (!after.has(flow)) yield [flow, new Set()];
}

/**
 * Keeps the backend equal to the Services and slices. An event marks its Service; what is marked when the last write ends is
 * written together, in one transaction: the cost is that of the changed Services, not of all. Nothing is written before the
 * returned function is called, when the caches are full.
 */
export function startSync(options: SyncOptions): () => void {
  const { services, slices, backend, log, signal } = options;
  const dirty = new Set<string>();
  const claims = createClaims();
  const current = new Map<string, Fragment>();
  const localOf = new Map<string, readonly string[]>();
  /** How many Services use an address, so that it is removed with the last. */
  const localUses = new Map<string, number>();
  let everything = true;
  let started = false;
  let running = false;

  slices.addIndex("service", (slice) => {
    const owner = ownerOf(slice);
    return owner ? [owner] : [];
  });

  const view = (): NodeView => ({
    name: options.nodeName,
    zone: options.nodes.get(options.nodeName)?.metadata.labels?.["topology.kubernetes.io/zone"] ?? "",
  });

  const compute = (key: string, node: NodeView): Computed => {
    const service = services.get(key);
    if (!service) return { fragment: emptyFragment, local: [] };
    const own = slices.byIndex("service", key);
    return {
      fragment: fragmentFor(service, own, { node, podCidr: options.podCidr }),
      local: localAddresses(own, options.nodeName),
    };
  };

  /** Those Services, and others that gain or lose an address by them. */
  function* computeAll(keys: Iterable<string>, node: NodeView): Generator<[string, Computed]> {
    const wanted = new Map<string, Computed>();
    const left = new Set(keys);
    for (const key of left) {
      const computed = compute(key, node);
      wanted.set(key, computed);
      // What is added to a set while it is walked is walked too.
      for (const other of claims.claim(key, services.get(key), computed.fragment)) left.add(other);
    }
    for (const [key, { fragment, local }] of wanted) {
      const granted = claims.granted(key, fragment);
      if (granted !== fragment) log.warn({ service: key }, "an address of this Service is another one's");
      yield [key, { fragment: granted, local }];
    }
  }

  const count = (addresses: readonly string[], by: 1 | -1, edges: Set<string>): void => {
    for (const address of addresses) {
      const uses = (localUses.get(address) ?? 0) + by;
      if (uses === 0) localUses.delete(address);
      else localUses.set(address, uses);
      edges.add(address);
    }
  };

  async function writeAll(): Promise<void> {
    const node = view();
    current.clear();
    claims.clear();
    localOf.clear();
    localUses.clear();
    for (const [key, { fragment, local }] of computeAll([...services.list()].map(keyOf), node)) {
      current.set(key, fragment);
      localOf.set(key, local);
      count(local, 1, new Set());
    }
    await backend.replace(current.values(), localUses.keys());
    // What changed while nobody looked is not known: all flows are compared.
    const flows = new Map([...current.values()].flatMap((fragment) => [...fragment.udpFlows]));
    if (flows.size > 0) await options.forgetFlows(flows);
  }

  async function writeChanged(keys: readonly string[]): Promise<void> {
    const node = view();
    const changes: FragmentChange[] = [];
    const had = new Set(localUses.keys());
    const touched = new Set<string>();
    const flows = new Map<string, ReadonlySet<string>>();
    for (const [key, { fragment: after, local }] of computeAll(keys, node)) {
      const before = current.get(key) ?? emptyFragment;
      changes.push({ before, after });
      for (const [flow, allowed] of changedFlows(before.udpFlows, after.udpFlows)) flows.set(flow, allowed);
      count(local, 1, touched);
      count(localOf.get(key) ?? [], -1, touched);
      if (services.get(key)) {
        current.set(key, after);
        localOf.set(key, local);
      } else {
        current.delete(key);
        localOf.delete(key);
      }
    }
    const added = [...touched].filter((a) => localUses.has(a) && !had.has(a));
    const removed = [...touched].filter((a) => !localUses.has(a) && had.has(a));
    await backend.apply(changes, { added, removed });
    if (flows.size > 0) await options.forgetFlows(flows);
  }

  async function run(): Promise<void> {
    if (!started || running || signal.aborted) return;
    running = true;
    try {
      while (!signal.aborted && (everything || dirty.size > 0)) {
        const keys = [...dirty];
        dirty.clear();
        const full = everything;
        if (full) {
          everything = false;
          await writeAll();
        } else await writeChanged(keys);
        options.onSynced(full ? current.keys() : keys);
      }
    } catch (error) {
      // The kernel's state and ours may differ now: write everything anew, which is one transaction too.
      everything = true;
      log.error({ err: error }, "rules not written, will write all of them");
      setTimeout(() => void run(), retryMs).unref();
    } finally {
      running = false;
    }
  }

  let scheduled = false;
  const mark = (key: string | undefined): void => {
    if (key) dirty.add(key);
    if (scheduled) return;
    scheduled = true;
    // Events of one message arrive synchronously; they are written together.
    setImmediate(() => {
      scheduled = false;
      void run();
    });
  };
  services.on({ add: (s) => mark(keyOf(s)), update: (s) => mark(keyOf(s)), delete: (s) => mark(keyOf(s)) });
  slices.on({
    add: (s) => mark(ownerOf(s)),
    update(s, old) {
      mark(ownerOf(old));
      mark(ownerOf(s));
    },
    delete: (s) => mark(ownerOf(s)),
  });
  options.nodes.on({
    update(node, old) {
      const zone = "topology.kubernetes.io/zone";
      if (
        node.metadata.name !== options.nodeName ||
        node.metadata.labels?.[zone] === old.metadata.labels?.[zone]
      )
        return;
      everything = true;
      mark(undefined);
    },
  });
  /** A firewall that is loaded anew flushes what others have written. */
  const look = async (): Promise<void> => {
    if (running || signal.aborted || (await backend.isIntact())) return;
    log.warn("the rules have been taken away, will write all of them");
    everything = true;
    mark(undefined);
  };
  return () => {
    started = true;
    mark(undefined);
    const timer = setInterval(() => {
      look().catch((error: unknown) => log.warn({ err: error }, "the rules could not be looked at"));
    }, options.lookMs ?? lookMs);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  };
}
