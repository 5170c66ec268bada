import { randomUUID } from "node:crypto";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import type { AllocationResult } from "@coracle/shared/api/generated/resource-v1.ts";
import { constraintOf, type Constraint } from "./constraints.ts";
import { countersOf, type Counters } from "./counters.ts";
import { suits, type Demand, type Wanted } from "./demands.ts";
import { reaches, type Pool, type PooledDevice } from "./pools.ts";
import { devicesByNode } from "./reach.ts";
import { resultOf, type Chosen } from "./result.ts";
import { createShares, shareOf, type Consumption, type Shares } from "./shares.ts";

/** No claim gets more. */
const maxDevices = 32;
/** Devices tried before a node is given up: with many alternatives there is no end to combinations. */
const maxTries = 20_000;

export interface Allocator {
  /** An allocation for each of the claims, in order; undefined when the node has not what they need. @throws Error */
  allocate(wanted: readonly Wanted[], node: Node): AllocationResult[] | undefined;
}

/** What is somebody's already. */
export interface Allocated {
  /** Ids of devices that nobody else can use. */
  readonly taken: ReadonlySet<string>;
  /** Devices that several use → what they have of it together. */
  readonly shared: ReadonlyMap<string, Consumption>;
}

export function createAllocator(
  pools: readonly Pool[],
  allocated: Allocated,
  newId: () => string = randomUUID,
): Allocator {
  /** What was found out of a device and a demand holds on every node. */
  const known = new Map<Demand, Map<string, boolean>>();
  const fits = (demand: Demand, device: PooledDevice): boolean => {
    const answers = known.get(demand) ?? new Map<string, boolean>();
    known.set(demand, answers);
    const before = answers.get(device.id);
    if (before !== undefined) return before;
    const answer = suits(demand, device);
    answers.set(device.id, answer);
    return answer;
  };
  const valid = pools.filter((pool) => !pool.incomplete && !pool.invalid);
  const here = devicesByNode(valid);
  const counters = countersOf(valid, new Set([...allocated.taken, ...allocated.shared.keys()]));
  return {
    allocate(wanted, node) {
      const devices = here(node);
      const found = new Search({ pools, allocated, fits, wanted, node, devices, counters: counters() }).run();
      return found?.map((chosen, i) => resultOf(wanted[i] as Wanted, chosen, node, newId));
    },
  };
}

interface SearchInput {
  readonly pools: readonly Pool[];
  readonly allocated: Allocated;
  readonly fits: (demand: Demand, device: PooledDevice) => boolean;
  readonly wanted: readonly Wanted[];
  readonly node: Node;
  /** Those that the node can use. */
  readonly devices: readonly PooledDevice[];
  readonly counters: Counters;
}

/** Tries devices for one request after the other and goes back when there is none for the next. */
class Search {
  readonly #input: SearchInput;
  readonly #here: readonly PooledDevice[];
  /** Taken by this search. */
  readonly #used = new Set<string>();
  readonly #counters: Counters;
  readonly #shares: Shares;
  /** How many use a device that can be shared, in this search. */
  readonly #sharing = new Map<string, number>();
  readonly #constraints: readonly (readonly Constraint[])[];
  readonly #chosen: Chosen[][];
  #tries = 0;

  constructor(input: SearchInput) {
    this.#input = input;
    this.#here = input.devices;
    this.#counters = input.counters;
    this.#shares = createShares(input.allocated.shared);
    this.#constraints = input.wanted.map(({ claim }) =>
      (claim.spec.devices?.constraints ?? []).map(constraintOf),
    );
    this.#chosen = input.wanted.map(() => []);
  }

  run(): readonly (readonly Chosen[])[] | undefined {
    return this.#request(0, 0) ? this.#chosen : undefined;
  }

  #request(claim: number, request: number): boolean {
    const wanted = this.#input.wanted[claim];
    if (!wanted) return true;
    const alternatives = wanted.requests[request];
    if (!alternatives) return this.#request(claim + 1, 0);
    return alternatives.some((demand) => {
      const next = (): boolean => this.#request(claim, request + 1);
      return demand.count === undefined
        ? this.#all(claim, demand, next)
        : this.#some(claim, demand, { left: demand.count, from: 0 }, next);
    });
  }

  /** Devices of one request are taken in order: which came first makes no difference. */
  #some(
    claim: number,
    demand: Demand,
    { left, from }: { readonly left: number; readonly from: number },
    next: () => boolean,
  ): boolean {
    if (left === 0) return next();
    for (let i = from; i < this.#here.length; i++) {
      const device = this.#here[i];
      // Whether it is free is cheap to tell; what it is takes an expression.
      if (!device || this.#isTaken(demand, device.id) || !this.#input.fits(demand, device)) continue;
      const undo = this.#take(claim, demand, device);
      if (!undo) continue;
      // One that can be shared may be given more than once.
      const rest = device.device.allowMultipleAllocations ? i : i + 1;
      if (this.#some(claim, demand, { left: left - 1, from: rest }, next)) return true;
      undo();
    }
    return false;
  }

  #all(claim: number, demand: Demand, next: () => boolean): boolean {
    this.#demandWhole(claim, demand);
    const devices = this.#here.filter((device) => this.#input.fits(demand, device));
    if (devices.length === 0) return false;
    const undone: (() => void)[] = [];
    const taken = devices.every((device) => {
      const undo = this.#take(claim, demand, device);
      if (undo) undone.push(undo);
      return undo !== undefined;
    });
    if (taken && next()) return true;
    for (const undo of undone.toReversed()) undo();
    return false;
  }

  /** While a pool is being changed nobody knows what all of it is. */
  #demandWhole(claim: number, demand: Demand): void {
    const { pools, node, wanted } = this.#input;
    const { namespace, name } = wanted[claim]?.claim.metadata ?? {};
    for (const pool of pools) {
      if (!pool.incomplete && !pool.invalid) continue;
      if (!pool.devices.some((device) => reaches(device, node))) continue;
      const why = pool.incomplete ? "being updated" : "invalid";
      throw new Error(
        `claim ${namespace}/${name}, request ${demand.name}: asks for all devices, but resource pool ${pool.driver}/${pool.name} is currently ${why}`,
      );
    }
  }

  /** @returns how to give it back; undefined when it cannot be had */
  #take(claim: number, demand: Demand, device: PooledDevice): (() => void) | undefined {
    if (++this.#tries > maxTries) throw new Error("timed out trying to allocate devices");
    const chosen = this.#chosen[claim];
    if (!chosen || chosen.length >= maxDevices) return undefined;
    if (this.#isTaken(demand, device.id)) return undefined;
    const steps: (() => void)[] = [];
    const back = (): void => {
      for (const step of steps.toReversed()) step();
    };
    const shares = device.device.allowMultipleAllocations === true && !demand.adminAccess;
    const share = shares ? shareOf(demand, device) : undefined;
    if (shares) {
      const undo = share && this.#takeShare(device, share);
      if (!undo) return undefined;
      steps.push(undo);
    } else if (!demand.adminAccess) {
      if (!this.#counters.take(device, 1)) return undefined;
      this.#used.add(device.id);
      steps.push(() => {
        this.#used.delete(device.id);
        this.#counters.take(device, -1);
      });
    }
    for (const constraint of this.#constraints[claim] ?? []) {
      const undo = constraint.add(demand.name, device);
      if (!undo) {
        back();
        return undefined;
      }
      steps.push(undo);
    }
    chosen.push({ demand, device, share });
    steps.push(() => void chosen.pop());
    return back;
  }

  #isTaken({ adminAccess }: Demand, id: string): boolean {
    return !adminAccess && (this.#input.allocated.taken.has(id) || this.#used.has(id));
  }

  /** What it is cut out of is used up by its first user. */
  #takeShare(device: PooledDevice, share: Consumption): (() => void) | undefined {
    if (!this.#shares.take(device, share, 1)) return undefined;
    const users = this.#sharing.get(device.id) ?? (this.#input.allocated.shared.has(device.id) ? 1 : 0);
    if (users === 0 && !this.#counters.take(device, 1)) {
      this.#shares.take(device, share, -1);
      return undefined;
    }
    this.#sharing.set(device.id, users + 1);
    return () => {
      this.#sharing.set(device.id, users);
      if (users === 0) this.#counters.take(device, -1);
      this.#shares.take(device, share, -1);
    };
  }
}
