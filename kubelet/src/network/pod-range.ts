/** The addresses of a node's pods: nobody can have one until the node has been given a range. */
import { gatewayOf, parseCidr } from "./cidr.ts";
import { createIpam, type Ipam } from "./ipam.ts";

export class PodRange {
  readonly #waiting = new Set<() => void>();
  #cidr: string | undefined;
  #ipam: Ipam | undefined;
  #gateway: string | undefined;

  get ready(): boolean {
    return this.#ipam !== undefined;
  }

  get gateway(): string | undefined {
    return this.#gateway;
  }

  /** @throws Error before there is a range */
  get addresses(): Ipam {
    if (!this.#ipam) throw new Error("the node has no pod range yet");
    return this.#ipam;
  }

  /** Resolves once there is a range. @throws the signal's reason */
  whenReady(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ipam) return resolve();
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  }

  /** Takes a range; `held` are addresses that pods have already. The same range again changes nothing. */
  set(cidr: string, held: Iterable<readonly [uid: string, address: string]> = []): void {
    if (cidr !== this.#cidr) {
      this.#cidr = cidr;
      this.#gateway = gatewayOf(parseCidr(cidr));
      this.#ipam = createIpam(cidr);
      for (const [uid, address] of held) this.#ipam.claim(uid, address);
    }
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  release(uid: string): void {
    this.#ipam?.release(uid);
  }
}
