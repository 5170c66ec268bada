/** The kubelet's Summary (`/stats/summary`, stats/v1alpha1), as far as it is filled here. Times are RFC 3339, memory and disk in bytes. */

export interface CpuFigures {
  readonly time: string;
  readonly usageNanoCores?: number | undefined;
  readonly usageCoreNanoSeconds: number;
}

export interface MemoryFigures {
  readonly time: string;
  readonly availableBytes?: number | undefined;
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
}

export interface InterfaceFigures {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** The first interface's figures, and those of all. */
export interface NetworkFigures extends InterfaceFigures {
  readonly time: string;
  readonly interfaces: readonly InterfaceFigures[];
}

export interface FsFigures {
  readonly time: string;
  readonly availableBytes?: number | undefined;
  readonly capacityBytes?: number | undefined;
  readonly usedBytes?: number | undefined;
  readonly inodesFree?: number | undefined;
  readonly inodes?: number | undefined;
  readonly inodesUsed?: number | undefined;
}

export interface VolumeFigures extends FsFigures {
  readonly name: string;
  readonly pvcRef?: { readonly name: string; readonly namespace: string } | undefined;
}

export interface ContainerSummary {
  readonly name: string;
  readonly startTime: string;
  readonly cpu?: CpuFigures | undefined;
  readonly memory?: MemoryFigures | undefined;
  readonly rootfs?: FsFigures | undefined;
  readonly logs?: FsFigures | undefined;
}

export interface PodSummary {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly startTime: string;
  readonly containers: readonly ContainerSummary[];
  readonly cpu?: CpuFigures | undefined;
  readonly memory?: MemoryFigures | undefined;
  readonly network?: NetworkFigures | undefined;
  readonly volume?: readonly VolumeFigures[] | undefined;
  readonly "ephemeral-storage"?: FsFigures | undefined;
  readonly process_stats?: { readonly process_count: number } | undefined;
}

export interface NodeSummary {
  readonly nodeName: string;
  readonly startTime: string;
  /** `kubelet`: this process; `pods`: all pods of this node together. */
  readonly systemContainers: readonly ContainerSummary[];
  readonly cpu: CpuFigures;
  readonly memory: MemoryFigures;
  readonly network?: NetworkFigures | undefined;
  readonly fs?: FsFigures | undefined;
  readonly runtime?: { readonly imageFs: FsFigures } | undefined;
  readonly rlimit?: { readonly time: string; readonly maxpid: number; readonly curproc: number } | undefined;
}

export interface Summary {
  readonly node: NodeSummary;
  readonly pods: readonly PodSummary[];
  /**
   * Ours: over how many milliseconds `usageNanoCores` was measured.
   */
  readonly windowMs: number;
}
