/**
 * How fast nodes may be emptied, by the state of their zone: a zone in which everything fails is more likely cut off from us than broken.
 * Upstream's rules and figures. Pure state.
 */
export interface Zones {
  /** The readiness of a node as last seen; undefined when it is gone. */
  set(node: string, zone: string, ready: boolean | undefined): void;
  /** 0: the node may be emptied now. Milliseconds to wait otherwise; undefined: not while its zone is in this state. */
  mayEvict(node: string, now: number): number | undefined;
}

const RATE_PER_MS = 0.1 / 1000;
const SECONDARY_RATE_PER_MS = 0.01 / 1000;
const LARGE_CLUSTER = 50;
const UNHEALTHY_THRESHOLD = 0.55;

interface Zone {
  readonly nodes: Map<string, boolean>;
  unready: number;
  /** When the next eviction may begin. */
  nextAt: number;
}

type State = "normal" | "partial" | "full";

function stateOf(zone: Zone): State {
  const ready = zone.nodes.size - zone.unready;
  if (ready === 0 && zone.unready > 0) return "full";
  return zone.unready > 2 && zone.unready / zone.nodes.size >= UNHEALTHY_THRESHOLD ? "partial" : "normal";
}

export function createZones(): Zones {
  const zones = new Map<string, Zone>();
  const zoneOf = new Map<string, string>();
  const leave = (node: string): void => {
    const zone = zones.get(zoneOf.get(node) ?? "");
    if (zone?.nodes.get(node) === false) zone.unready -= 1;
    zone?.nodes.delete(node);
    zoneOf.delete(node);
  };
  const allFull = (): boolean =>
    [...zones.values()].every((z) => z.nodes.size === 0 || stateOf(z) === "full");
  const rateOf = (zone: Zone): number => {
    switch (stateOf(zone)) {
      case "partial":
        return zone.nodes.size > LARGE_CLUSTER ? SECONDARY_RATE_PER_MS : 0;
      case "full":
        return allFull() ? 0 : RATE_PER_MS;
      case "normal":
        return RATE_PER_MS;
    }
  };
  return {
    set(node, name, ready) {
      leave(node);
      if (ready === undefined) return;
      const zone = zones.get(name) ?? { nodes: new Map<string, boolean>(), unready: 0, nextAt: 0 };
      zones.set(name, zone);
      zone.nodes.set(node, ready);
      if (!ready) zone.unready += 1;
      zoneOf.set(node, name);
    },
    mayEvict(node, now) {
      const zone = zones.get(zoneOf.get(node) ?? "");
      const rate = zone ? rateOf(zone) : 0;
      if (!zone || rate === 0) return undefined;
      if (zone.nextAt > now) return zone.nextAt - now;
      zone.nextAt = now + 1 / rate;
      return 0;
    },
  };
}
