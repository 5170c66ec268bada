import type { MetricSpec, MetricStatus } from "@coracle/shared/api/generated/autoscaling-v2.ts";
import { none } from "../shared/columns.ts";
import { canonical } from "../shared/quantity.ts";

const shown = 2;

/** What the autoscaler looks at: current value and target of each metric, two at most. */
export function metricsCell(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return none;
  const all = specs.map((spec, i) => metricText(spec, statuses[i]));
  const text = all.slice(0, shown).join(", ");
  return all.length > shown ? `${text} + ${all.length - shown} more...` : text;
}

const unknown = "<unknown>";
const quantity = (text: string | undefined, otherwise = unknown): string =>
  text === undefined ? otherwise : canonical(text);

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case "External":
    case "Object": {
      const field = spec.type === "External" ? "external" : "object";
      const target = spec[field]?.target;
      const current = status?.[field]?.current;
      if (target?.averageValue !== undefined)
        return `${quantity(current?.averageValue)}/${canonical(target.averageValue)} (avg)`;
      return `${quantity(current?.value)}/${quantity(target?.value)}`;
    }
    case "Pods":
      return `${quantity(status?.pods?.current?.averageValue)}/${quantity(spec.pods?.target?.averageValue)}`;
    case "Resource":
    case "ContainerResource": {
      const field = spec.type === "Resource" ? "resource" : "containerResource";
      const target = spec[field]?.target;
      const current = status?.[field]?.current;
      const name = spec[field]?.name ?? "";
      if (target?.averageValue !== undefined)
        return `${name}: ${quantity(current?.averageValue)}/${canonical(target.averageValue)}`;
      return `${name}: ${percent(current?.averageUtilization, unknown)}/${percent(target?.averageUtilization, "<auto>")}`;
    }
    default:
      return "<unknown type>";
  }
}

const percent = (value: number | undefined, otherwise: string): string =>
  value === undefined ? otherwise : `${value}%`;
