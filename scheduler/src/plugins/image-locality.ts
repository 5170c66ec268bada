import { CycleState, type Plugin } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import type { PodInfo } from "../pod-info.ts";

const name = "ImageLocality";
const mebibyte = 1024 * 1024;
const minBytes = 23 * mebibyte;
const maxBytesPerContainer = 1000 * mebibyte;

/** Names as nodes report them: with a tag. */
const withTag = (image: string): string =>
  image.lastIndexOf(":") > image.lastIndexOf("/") || image.includes("@") ? image : `${image}:latest`;
const imagesOf = (pod: PodInfo): string[] =>
  [...(pod.pod.spec?.initContainers ?? []), ...(pod.pod.spec?.containers ?? [])].map((c) =>
    withTag(c.image ?? ""),
  );

/** Prefers nodes that have the images, each weighed by how widespread it is, so that pods do not heap up on one node. */
export const imageLocality: Plugin = {
  name,
  weight: 1,
  preScore(pod, _nodes, cluster, state) {
    const spread = new Map(
      imagesOf(pod).map((image) => [
        image,
        cluster.nodes.filter((n) => n.images.has(image)).length / Math.max(1, cluster.nodes.length),
      ]),
    );
    state.set(name, spread);
    return [...spread.values()].some((share) => share > 0 && share < 1);
  },
  score(pod: PodInfo, node: NodeInfo, state: CycleState) {
    const spread = state.get<Map<string, number>>(name);
    const images = imagesOf(pod);
    const sum = images.reduce(
      (total, image) => total + Math.trunc((node.images.get(image) ?? 0) * (spread?.get(image) ?? 0)),
      0,
    );
    const max = maxBytesPerContainer * images.length;
    return Math.trunc((100 * (Math.min(Math.max(sum, minBytes), max) - minBytes)) / (max - minBytes));
  },
};
