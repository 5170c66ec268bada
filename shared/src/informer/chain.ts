/** The revision chain: decides, without any I/O, what a message of the feed means for a subscriber. */

export interface ChainLink {
  readonly shard: string;
  readonly revision: number;
  /** The revision before this one on the same chain. */
  readonly previous: number;
}

export interface ChainMark {
  readonly shard: string;
  /** The newest revision of the chain … */
  readonly newest: number;
  /** … when the cluster was at this one: nothing of the chain lies between. */
  readonly cluster: number;
}

export interface ChainTracker {
  /** `apply`: it follows what is known. `seen`: it is known already. `gap`: something before it was missed. */
  judge(link: ChainLink): "apply" | "seen" | "gap";
  /** After applying it. */
  advance(shard: string, revision: number): void;
  /** False when the mark shows that the tail of the chain was missed. */
  check(mark: ChainMark): boolean;
  /** Everything of every chain up to `revision` is known. */
  reset(revision: number): void;
  /** Everything of this chain up to here is known; without a shard: of all chains. */
  known(shard?: string): number;
}

export function createChainTracker(): ChainTracker {
  const positions = new Map<string, number>();
  let base = 0;
  const at = (shard: string): number => Math.max(positions.get(shard) ?? 0, base);
  const advance = (shard: string, revision: number): void => {
    if (revision > at(shard)) positions.set(shard, revision);
  };
  return {
    judge({ shard, revision, previous }) {
      const position = at(shard);
      if (revision <= position) return "seen";
      return previous <= position ? "apply" : "gap";
    },
    advance,
    check({ shard, newest, cluster }) {
      if (newest > at(shard)) return false;
      advance(shard, cluster);
      return true;
    },
    reset(revision) {
      if (revision <= base) return;
      base = revision;
      for (const [shard, position] of positions) if (position <= base) positions.delete(shard);
    },
    known: (shard) => (shard === undefined ? base : at(shard)),
  };
}
