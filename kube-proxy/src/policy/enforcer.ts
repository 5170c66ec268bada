/** Keeps a node's packet filter in step with the NetworkPolicies of the cluster. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Namespace, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { NetworkPolicy } from "@coracle/shared/api/generated/networking-v1.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { createMembership } from "./membership.ts";
import { isolationsOf } from "./model.ts";
import {
  base,
  isIntact,
  emptyRuleset,
  membersTransition,
  removal,
  rulesetOf,
  transition,
  type Ruleset,
} from "./ruleset.ts";

export interface EnforcerOptions {
  readonly nodeName: string;
  /** This and the pods have an index `namespace`, and the pods one of the `node` they are bound to. */
  readonly policies: Informer<NetworkPolicy>;
  readonly pods: Informer<Pod>;
  readonly namespaces: Informer<Namespace>;
  /** Runs one nft transaction, and says what it lists. */
  readonly run: (commands: string) => Promise<string>;
  readonly lookMs?: number | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Changes of one moment are written together. */
const GATHER_MS = 20;
const RETRY_MS = 1_000;
/** As often as it is looked whether the rules are still there: they are the node's, and others write there too. */
const LOOK_MS = 30_000;

/** What the kernel has. */
interface Written {
  readonly rules: Ruleset;
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}
const nothing: Written = { rules: emptyRuleset, members: new Map() };

/** Enforces from the moment that it is called, with informers that have synced, until the signal aborts; the rules then stay. */
export function startEnforcer(options: EnforcerOptions): void {
  const { nodeName, policies, pods, namespaces, log, signal } = options;
  const membership = createMembership((name) => namespaces.get(name));
  /** Undefined before the first write, and when one failed. */
  let written: Written | undefined;
  let restructure = true;
  let wake: () => void = () => undefined;
  const asked = (): void => wake();

  const isLocal = (pod: Pod): boolean => pod.spec?.nodeName === nodeName;
  policies.on({
    add: () => touchRules(),
    update: (policy, old) => policy.metadata.generation === old.metadata.generation || touchRules(),
    delete: () => touchRules(),
  });
  pods.on({
    add: (pod) => touchPod(pod),
    update: (pod, old) => touchPod(pod, old),
    delete(pod) {
      membership.remove(pod);
      if (isLocal(pod)) restructure = true;
      asked();
    },
  });
  namespaces.on({
    add: ({ metadata }) => touchNamespace(metadata.name ?? ""),
    update: ({ metadata }) => touchNamespace(metadata.name ?? ""),
  });
  function touchRules(): void {
    restructure = true;
    asked();
  }
  function touchPod(pod: Pod, old?: Pod): void {
    membership.put(pod);
    if (isLocal(pod) && (!old || isNew(pod, old))) restructure = true;
    asked();
  }
  function touchNamespace(name: string): void {
    for (const pod of pods.byIndex("namespace", name)) membership.put(pod);
    asked();
  }

  const wanted = (): Ruleset => {
    if (policies.size === 0) return emptyRuleset;
    const local = pods.byIndex("node", nodeName);
    return rulesetOf(
      local.flatMap((pod) => isolationsOf(pod, policies.byIndex("namespace", pod.metadata.namespace ?? ""))),
    );
  };
  const write = async (): Promise<void> => {
    const before = written ?? nothing;
    const rules = restructure ? wanted() : before.rules;
    restructure = false;
    membership.use(rules.sets, () => pods.list());
    const stale = new Set(membership.takeChanged());
    const members = new Map<string, ReadonlySet<string>>();
    const commands = transition(before.rules, rules);
    for (const name of rules.sets.keys()) {
      const known = before.members.get(name);
      const now = known && !stale.has(name) ? known : membership.of(name);
      members.set(name, now);
      if (now !== known) commands.push(...membersTransition(name, known ?? new Set(), now));
    }
    const had = before.rules.chains.size > 0;
    if (rules.chains.size === 0) {
      if (had || !written) await options.run(removal);
    } else if (!had || commands.length > 0) {
      await options.run(`${had ? "" : base}${commands.join("\n")}\n`);
    }
    written = { rules, members };
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      try {
        await write();
      } catch (error) {
        log.error({ err: error }, "network policies could not be written");
        written = undefined;
        restructure = true;
        await sleep(RETRY_MS, undefined, { signal });
        continue;
      }
      await woken;
      await sleep(GATHER_MS, undefined, { signal });
    }
  };
  const look = async (): Promise<void> => {
    if (!written || written.rules.chains.size === 0 || (await isIntact(options.run))) return;
    log.warn("the rules of network policies are gone, and written anew");
    written = undefined;
    touchRules();
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.warn({ err: error }, "the policies' rules could not be looked at"));
  }, options.lookMs ?? LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  work().catch(
    (error: unknown) => signal.aborted || log.error({ err: error }, "network policies are not kept"),
  );
}

/** Whether what a local pod's own rules are made of has changed. */
const isNew = (pod: Pod, old: Pod): boolean =>
  pod.status?.podIP !== old.status?.podIP ||
  pod.status?.phase !== old.status?.phase ||
  pod.spec?.nodeName !== old.spec?.nodeName ||
  JSON.stringify(pod.metadata.labels) !== JSON.stringify(old.metadata.labels);
