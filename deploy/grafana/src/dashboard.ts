/** What all dashboards have in common: variables, links to one another, the alerts that fired, and a time to look at. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { DATASOURCE, type Panel } from "./panel.ts";

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface DashboardOptions {
  /** Part of its address; links of others and of runbooks depend on it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly sections: readonly Section[];
}

const TAG = "openclaw";

/** Alerts that fired while one looks, drawn into every panel. */
export const FIRED = 'ALERTS{alertname=~"OpenClaw.+", alertstate="firing"}';

/** Dashboards as Grafana reads them. */
export function dashboardOf({ uid, title, description, sections }: DashboardOptions) {
  const builder = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .timezone("browser")
    .time({ from: "now-15m", to: "now" })
    .refresh("10s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .readonly()
    .variables([datasource(), provider(), node()])
    .annotation(fired())
    .link(others());
  for (const section of sections) {
    builder.withRow(new dashboard.RowBuilder(section.title));
    for (const panel of section.panels) builder.withPanel(panel);
  }
  return numbered(builder.build());
}

/** Grafana would number the panels itself, and an address of one of them would not last. */
function numbered(built: dashboard.Dashboard): dashboard.Dashboard {
  return { ...built, panels: built.panels?.map((panel, index) => ({ ...panel, id: index + 1 })) };
}

function datasource(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder("datasource")
    .label("Prometheus")
    .type("prometheus");
}

function provider(): dashboard.QueryVariableBuilder {
  return chosenFrom("provider", "label_values(openclaw_provider_info, provider)").label("Provider");
}

function node(): dashboard.QueryVariableBuilder {
  return chosenFrom("node", "label_values(openclaw_ready, instance)").label("Node");
}

function chosenFrom(name: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ text: "All", value: "$__all" });
}

function fired(): dashboard.AnnotationQueryBuilder {
  return new dashboard.AnnotationQueryBuilder()
    .name("Alerts")
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor("red")
    .expr(FIRED)
    .step("10s")
    .titleFormat("{{alertname}}")
    .tagKeys("provider,target,measure,kind,job,severity");
}

function others(): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder("OpenClaw")
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags([TAG])
    .includeVars(true)
    .keepTime(true);
}
