/**
 * Runs when the service `sweeper` is stopped. Nodes stop, and are removed, before it or with it: when none is left the cluster
 * goes down, and their pods with it. When nodes are merely stopped, their pods stay.
 */
import { nodesRemain, sweepNodes } from "./sweep.ts";

const options = {
  socket: process.env["CORACLE_DOCKER_SOCKET"] ?? "/var/run/docker.sock",
  cluster: process.env["CORACLE_CLUSTER"] ?? "coracle",
};

const log = (message: string, more: object): void =>
  console.log(
    JSON.stringify({ level: 30, time: new Date().toISOString(), name: "sweeper", ...more, msg: message }),
  );

if (await nodesRemain(options)) log("nodes remain, so do their pods", {});
else log("the cluster is down, its pods are removed", { swept: await sweepNodes(options) });
