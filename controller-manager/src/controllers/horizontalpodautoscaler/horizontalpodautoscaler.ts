import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  MetricStatus,
} from "@coracle/shared/api/generated/autoscaling-v2.ts";
import type { PodMetrics } from "@coracle/shared/api/generated/metrics-v1beta1.ts";
import { horizontalPodAutoscalers, podMetrics, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { parseSelector } from "@coracle/shared/meta/labels.ts";
import { semanticEqual } from "../../canonical.ts";
import { setCondition, timestamp } from "../../conditions.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
import { messageOf } from "../../pods/control.ts";
import { readScale, writeScale, type FoundScale } from "../../scale.ts";
import { firstHistory, limit, remember, type History } from "./behavior.ts";
import { MetricError, propose, type Figures } from "./metrics.ts";

/** Usage is measured about every fifteen seconds, so looking more often shows nothing new. */
const PERIOD_MS = 15_000;

/** Adjusts the size of workloads to their load. */
export function horizontalPodAutoscalerController(): Controller {
  const histories = new Map<string, History>();
  const looked = new Map<string, { readonly at: number; readonly generation: number | undefined }>();
  return defineController({
    name: "horizontalpodautoscaler",
    for: horizontalPodAutoscalers,
    setup: (ctx) => indexByNamespace(ctx.informers.for(pods)),
    async reconcile(key, ctx): Promise<Result> {
      const hpa = ctx.informers.for(horizontalPodAutoscalers).get(key);
      if (!hpa) {
        histories.delete(key);
        looked.delete(key);
        return undefined;
      }
      // Its own status comes back as a change: only a new spec is looked at before its time.
      const { generation } = hpa.metadata;
      const last = looked.get(key);
      const left = last && last.generation === generation ? last.at + PERIOD_MS - ctx.clock.now() : 0;
      if (left > 0) return { requeueAfterMs: left };
      looked.set(key, { at: ctx.clock.now(), generation });
      const pass = new Pass(ctx, hpa);
      const history = await autoscale(pass, histories.get(key));
      if (history) histories.set(key, history);
      await writeStatus(pass);
      return { requeueAfterMs: PERIOD_MS };
    },
  });
}

/** One look at one autoscaler: its status so far. */
class Pass {
  readonly ctx: ControllerContext;
  readonly hpa: HorizontalPodAutoscaler;
  conditions: HorizontalPodAutoscalerCondition[];
  current = 0;
  desired = 0;
  metrics: MetricStatus[] = [];
  lastScaleTime: string | undefined;

  constructor(ctx: ControllerContext, hpa: HorizontalPodAutoscaler) {
    this.ctx = ctx;
    this.hpa = hpa;
    this.conditions = hpa.status?.conditions ?? [];
    this.lastScaleTime = hpa.status?.lastScaleTime;
    this.current = hpa.status?.currentReplicas ?? 0;
    this.desired = hpa.status?.desiredReplicas ?? 0;
  }

  say(type: string, status: string, reason: string, message: string): void {
    this.conditions = setCondition(this.conditions, { type, status, reason, message }, this.ctx.clock.now());
  }
}

async function autoscale(pass: Pass, known: History | undefined): Promise<History | undefined> {
  const { ctx, hpa } = pass;
  const { namespace = "" } = hpa.metadata;
  let found: FoundScale;
  try {
    found = await readScale(ctx.client, hpa.spec.scaleTargetRef, namespace, ctx.signal);
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.events.record(hpa, "Warning", "FailedGetScale", messageOf(error));
    const message = `the HPA controller was unable to get the target's current scale: ${messageOf(error)}`;
    pass.say("AbleToScale", "False", "FailedGetScale", message);
    return known;
  }
  pass.say(
    "AbleToScale",
    "True",
    "SucceededGetScale",
    "the HPA controller was able to get the target's current scale",
  );
  const current = found.scale.spec?.replicas ?? 0;
  pass.current = found.scale.status?.replicas ?? current;
  pass.desired = current;
  const history = known ?? firstHistory(ctx.clock.now(), current);
  if (current === 0 && (hpa.spec.minReplicas ?? 1) !== 0) {
    pass.say(
      "ScalingActive",
      "False",
      "ScalingDisabled",
      "scaling is disabled since the replica count of the target is zero",
    );
    return history;
  }
  return decide(pass, found, current, history);
}

async function decide(pass: Pass, found: FoundScale, current: number, history: History): Promise<History> {
  const { spec } = pass.hpa;
  const min = spec.minReplicas ?? 1;
  if (current > spec.maxReplicas)
    return rescale(
      pass,
      found,
      { current, to: spec.maxReplicas, why: "Current number of replicas above Spec.MaxReplicas" },
      history,
    );
  if (current < min)
    return rescale(
      pass,
      found,
      { current, to: min, why: "Current number of replicas below Spec.MinReplicas" },
      history,
    );
  const proposal = await recommend(pass, found, current);
  if (!proposal) return history;
  const now = pass.ctx.clock.now();
  const limited = limit({ spec, current, desired: proposal.replicas, history, now });
  if (limited.stabilized === undefined)
    pass.say("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size");
  else
    pass.say(
      "AbleToScale",
      "True",
      limited.stabilized === "down" ? "ScaleDownStabilized" : "ScaleUpStabilized",
      `recent recommendations were ${limited.stabilized === "down" ? "higher" : "lower"} than current one, applying the ${limited.stabilized === "down" ? "highest" : "lowest"} recent recommendation`,
    );
  const { status, reason, message } = limited.limited;
  pass.say("ScalingLimited", status, reason, message);
  const remembered = remember(history, now, proposal.replicas, undefined);
  if (limited.replicas === current) return remembered;
  const why =
    limited.replicas > current ? `${proposal.description} above target` : "All metrics below target";
  return rescale(pass, found, { current, to: limited.replicas, why }, remembered);
}

/** The largest size any metric asks for. A metric that cannot be read only stops a scaling down. */
async function recommend(
  pass: Pass,
  found: FoundScale,
  current: number,
): Promise<{ replicas: number; description: string } | undefined> {
  const { ctx, hpa } = pass;
  const specs = hpa.spec.metrics ?? [];
  let best: { replicas: number; description: string } | undefined;
  let failure: MetricError | undefined;
  let invalid = 0;
  const figures = await figuresOf(pass, found, current).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    failure = new MetricError("FailedGetResourceMetric", messageOf(error));
    invalid = specs.length;
    return undefined;
  });
  for (const metric of figures ? specs : []) {
    try {
      const proposal = propose(hpa, metric, figures as Figures);
      pass.metrics.push(proposal.status);
      if (!best || proposal.replicas > best.replicas) best = proposal;
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      invalid += 1;
      failure ??= error;
    }
  }
  if (failure && (!best || best.replicas < current)) {
    ctx.events.record(hpa, "Warning", failure.reason, failure.message);
    ctx.events.record(
      hpa,
      "Warning",
      "FailedComputeMetricsReplicas",
      `invalid metrics (${invalid} invalid out of ${specs.length}), first error is: ${failure.whole}`,
    );
    pass.say(
      "ScalingActive",
      "False",
      failure.reason,
      `the HPA was unable to compute the replica count: ${failure.message}`,
    );
    return undefined;
  }
  if (best)
    pass.say(
      "ScalingActive",
      "True",
      "ValidMetricFound",
      `the HPA was able to successfully calculate a replica count from ${best.description}`,
    );
  return best;
}

async function figuresOf(pass: Pass, found: FoundScale, current: number): Promise<Figures> {
  const { ctx, hpa } = pass;
  const { namespace } = hpa.metadata;
  const text = found.scale.status?.selector;
  if (!text) throw new Error("selector is required");
  const selector = parseSelector(text);
  const list = await ctx.client.list<PodMetrics>(podMetrics, {
    namespace,
    labelSelector: text,
    signal: ctx.signal,
  });
  const selected = inNamespace(ctx.informers.for(pods), namespace).filter((p) =>
    selector.matches(p.metadata.labels),
  );
  return { pods: selected, metrics: list.items, current, now: ctx.clock.now() };
}

interface Step {
  readonly current: number;
  readonly to: number;
  readonly why: string;
}

async function rescale(pass: Pass, found: FoundScale, step: Step, history: History): Promise<History> {
  const { ctx, hpa } = pass;
  const now = ctx.clock.now();
  try {
    await writeScale(ctx.client, found, step.to, ctx.signal);
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.events.record(
      hpa,
      "Warning",
      "FailedRescale",
      `New size: ${step.to}; reason: ${step.why}; error: ${messageOf(error)}`,
    );
    const message = `the HPA controller was unable to update the target scale: ${messageOf(error)}`;
    pass.say("AbleToScale", "False", "FailedUpdateScale", message);
    return history;
  }
  pass.say(
    "AbleToScale",
    "True",
    "SucceededRescale",
    `the HPA controller was able to update the target scale to ${step.to}`,
  );
  ctx.events.record(hpa, "Normal", "SuccessfulRescale", `New size: ${step.to}; reason: ${step.why}`);
  pass.desired = step.to;
  pass.lastScaleTime = timestamp(now);
  return remember(history, now, step.to, { from: step.current, to: step.to });
}

async function writeStatus(pass: Pass): Promise<void> {
  const { ctx, hpa } = pass;
  const status = {
    observedGeneration: hpa.metadata.generation,
    currentReplicas: pass.current,
    desiredReplicas: pass.desired,
    lastScaleTime: pass.lastScaleTime,
    currentMetrics: pass.metrics.length > 0 ? pass.metrics : hpa.status?.currentMetrics,
    conditions: pass.conditions,
  };
  if (semanticEqual(status, hpa.status)) return;
  await ctx.client.update(
    horizontalPodAutoscalers,
    { ...hpa, status },
    { subresource: "status", signal: ctx.signal },
  );
}
