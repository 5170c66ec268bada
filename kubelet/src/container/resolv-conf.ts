import { podEvent, type PodRun } from "../pod.ts";
import { podResolvConf, printResolvConf } from "./dns.ts";

/** The text of the pod's resolv.conf. What had to be left out of it is told. */
export function resolvConfOf(run: PodRun): string {
  const { pod, ctx } = run;
  const conf = podResolvConf({
    pod,
    clusterDomain: ctx.config.clusterDomain,
    clusterDns: ctx.config.clusterDns,
    node: ctx.node.resolvConf(),
  });
  for (const omission of conf.omissions) podEvent(run, "Warning", "DNSConfigForming", omission);
  return printResolvConf(conf);
}
